"""Whether a file is one image from its first byte to its last. What only begins like one, or goes on as something else
behind its end (an archive, a page, a script), is refused. Nothing is decoded. Called by `sniff`."""

from typing import IO

STEPS = 200_000
"""Blocks of one image that are looked at; one of more is not one anybody made in earnest."""


class _Steps:
    """Reads a file block by block, so many and no more."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.file = file
        self.size = size
        self.left = STEPS

    def read(self, count: int) -> bytes:
        """Exactly so many bytes. Raises ValueError."""
        self.left -= 1
        found = self.file.read(count)
        if len(found) != count or self.left < 0:
            raise ValueError
        return found

    def skip(self, count: int) -> None:
        """Go past so many bytes. Raises ValueError."""
        if self.file.seek(count, 1) > self.size:
            raise ValueError

    def at_end(self) -> bool:
        """Whether this is the last byte."""
        return self.file.tell() == self.size


def whole(content_type: str, file: IO[bytes]) -> bool:
    """Whether the file is one whole image of this type."""
    size = file.seek(0, 2)
    file.seek(0)
    try:
        return _CHECKS[content_type](_Steps(file, size))
    except ValueError:
        return False


def _png(steps: _Steps) -> bool:
    """Signature, then chunks: length, type, content, checksum. IHDR is the first, IEND the last (PNG 3rd ed., 5)."""
    if steps.read(8) != b"\x89PNG\r\n\x1a\n" or steps.read(8) != b"\x00\x00\x00\rIHDR":
        return False
    steps.skip(13 + 4)
    while True:
        head = steps.read(8)
        steps.skip(int.from_bytes(head[:4]) + 4)
        if head[4:] == b"IEND":
            return steps.at_end()


def _jpeg(steps: _Steps) -> bool:
    """Begins with the marker SOI and another one, ends with EOI (ITU T.81, B.2)."""
    if steps.size < 4 or steps.read(3) != b"\xff\xd8\xff":
        return False
    steps.skip(steps.size - 5)
    return steps.read(2) == b"\xff\xd9"


def _gif(steps: _Steps) -> bool:
    """Header, screen, blocks, trailer (GIF89a, 17 to 27)."""
    if steps.read(6) not in (b"GIF87a", b"GIF89a"):
        return False
    steps.skip(_palette(steps.read(7)[4]))
    while (kind := steps.read(1)) != b"\x3b":
        if kind == b"\x21":
            steps.skip(1)
        elif kind == b"\x2c":
            steps.skip(_palette(steps.read(9)[8]) + 1)
        else:
            return False
        while length := steps.read(1)[0]:
            steps.skip(length)
    return steps.at_end()


def _palette(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(steps: _Steps) -> bool:
    """A RIFF container that says its own size."""
    head = steps.read(16)
    fits = int.from_bytes(head[4:8], "little") + 8 == steps.size
    return fits and head[:4] == b"RIFF" and head[8:15] == b"WEBPVP8"


_CHECKS = {"image/png": _png, "image/jpeg": _jpeg, "image/gif": _gif, "image/webp": _webp}
