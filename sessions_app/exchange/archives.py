"""ZIP files from outside: looked at as a whole before anything in them is unpacked, then unpacked one entry at a time,
each within the size that it says it has.

The directory of a ZIP is read whole by `zipfile`; how large it is stands at the file's end, and is looked at first."""

import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from django.conf import settings

from bus.exceptions import Invalid, TooLarge

PIECE = 65_536
IN_MEMORY = 1_048_576
MOST_ENTRIES = 20_000
MOST_DIRECTORY = 4 * 2**20
"""Bytes of the directory; `zipfile` takes some ten times as much memory."""
MOST_RATIO = 300
"""How much larger an entry may become by unpacking, from a megabyte on."""
_END = struct.Struct("<4s4H2LH")
_LOCAL = struct.Struct("<26xHH")
_ENCRYPTED = 0x1
_UNSOUND = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError, OSError),
)


class Archive:
    """An archive that may be unpacked. Raises Invalid, TooLarge."""

    def __init__(self, file: IO[bytes]) -> None:
        with _sound():
            _check_end(file)
            self._zip = zipfile.ZipFile(file)
            entries = self._zip.infolist()
            _check_all(entries)
            for entry in entries:
                _check_one(entry)
            _check_places(file, entries, self._zip.start_dir)
        self._entries = {entry.filename: entry for entry in entries if not entry.is_dir()}

    @property
    def names(self) -> set[str]:
        """The files in it."""
        return set(self._entries)

    def size(self, name: str) -> int:
        """How many bytes one has."""
        return self._entries[name].file_size

    def unpacked(self, name: str) -> IO[bytes]:
        """One of its files, to be closed; not in memory, unless it is small. Raises Invalid."""
        entry = self._entries[name]
        out: Any = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115
        try:
            with _sound(), self._zip.open(entry) as packed:
                left = entry.file_size
                while piece := packed.read(PIECE):
                    left -= len(piece)
                    if left < 0:
                        break
                    out.write(piece)
                if left:
                    raise Invalid(f"{name!r} has not the size that it says.")
        except BaseException:
            out.close()
            raise
        out.seek(0)
        unpacked: IO[bytes] = out
        return unpacked


@contextmanager
def _sound() -> Iterator[None]:
    try:
        yield
    except _UNSOUND:
        raise Invalid("This is no sound ZIP file, or one of a kind that is not read here.") from None


def _check_end(file: IO[bytes]) -> None:
    """The last record, where it stands when no comment follows; what says otherwise in another place is not looked for,
    and neither is the larger form of it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END.size - 20))
    tail = file.read()
    mark, disk, first, here, entries, directory, _, comment = _END.unpack(tail[-_END.size :])
    if mark != b"PK\x05\x06" or comment or disk or first or here != entries or tail[:4] == b"PK\x06\x07":
        raise zipfile.BadZipFile
    if entries > MOST_ENTRIES or directory > MOST_DIRECTORY:
        raise TooLarge(f"The archive has more than {MOST_ENTRIES} files.", limit=MOST_ENTRIES)


def _check_all(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_ENTRIES:
        raise TooLarge(f"The archive has more than {MOST_ENTRIES} files.", limit=MOST_ENTRIES)
    if len({entry.filename for entry in entries}) != len(entries):
        raise Invalid("A name stands in the archive twice.")
    limit = settings.IMPORT_MAX_BYTES
    if sum(entry.file_size for entry in entries) > limit:
        raise TooLarge(f"Unpacked, the archive would have more than {limit} bytes.", limit=limit)


def _check_one(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    if name.startswith("/") or "\\" in name or "\x00" in name or ":" in name or ".." in name.split("/"):
        raise Invalid("A name in the archive leads out of it.")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Invalid("The archive has a link in it, or another thing that is no file.")
    if entry.flag_bits & _ENCRYPTED:
        raise Invalid("The archive is encrypted.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Invalid("The archive is packed in a way that is not read here.")
    if entry.file_size > max(IN_MEMORY, MOST_RATIO * entry.compress_size):
        raise TooLarge(f"A file in the archive would become more than {MOST_RATIO} times as large.")


def _check_places(file: IO[bytes], entries: list[zipfile.ZipInfo], end: int) -> None:
    """No two of them share bytes: else a small archive could unpack to any size."""
    reached = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < reached:
            raise Invalid("Files in the archive lie upon each other.")
        file.seek(entry.header_offset)
        name, extra = _LOCAL.unpack(file.read(_LOCAL.size))
        reached = entry.header_offset + _LOCAL.size + name + extra + entry.compress_size
    if reached > end:
        raise Invalid("Files in the archive lie upon each other.")
