"""What may be kept as what: names, content types, and whether the content is what it is said to be."""

import tracemalloc
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.exceptions import Invalid
from sessions_app.artifacts import media, raster, sniff
from sessions_app.artifacts.sniff import ContentMismatch
from tests.pictures import GIF, HTML, IMAGES, JPEG, PNG, SVG

SOUND = {
    **IMAGES,
    "image/svg+xml": SVG,
    "text/html": HTML,
    "text/plain": "snowman ☃".encode(),
    "application/json": b'{"a": [1, null]}',
    "application/pdf": b"%PDF-1.7\n%%EOF",
    "application/zip": b"PK\x03\x04rest",
    "application/vnd.oasis.opendocument.text": b"PK\x03\x04rest",
    "application/octet-stream": PNG,
    "audio/ogg": b"OggS\x00\x02",
    "image/bmp": b"BM\x00\x00",
    "text/csv": b"",
}
LIES = [
    *((kind, content) for kind in IMAGES for content in (HTML, SVG, b"", b"x", b"\x00" * 100)),
    *((kind, content[:-1]) for kind, content in IMAGES.items()),
    *((kind, content + HTML) for kind, content in IMAGES.items()),
    *((kind, content[:9] + HTML) for kind, content in IMAGES.items()),
    ("image/png", GIF),
    ("image/gif", JPEG),
    ("image/gif", b"GIF89a/*" + b"\x00" * 20 + b"*/=1;alert(1)"),
    ("image/jpeg", JPEG + b"PK\x03\x04" + b"\x00" * 30),
    ("image/bmp", HTML),
    ("audio/ogg", b"\xef\xbb\xbf \n" + HTML),
    ("video/mp4", PNG),
    ("text/plain", PNG),
    ("text/plain", b"a\x00b"),
    ("text/plain", b"\xff\xfea\x00"),
    ("text/html", b"%PDF-1.7"),
    ("image/svg+xml", PNG),
    ("application/json", b"{"),
    ("application/json", b""),
    ("application/json", HTML),
    ("application/pdf", HTML),
    ("application/zip", PNG),
]


@pytest.mark.parametrize("content_type", SOUND)
def test_content_that_is_what_it_says_is_taken(content_type: str) -> None:
    sniff.check(content_type, BytesIO(SOUND[content_type]))


@pytest.mark.parametrize(("content_type", "content"), LIES)
def test_content_that_is_something_else_or_more_is_refused(content_type: str, content: bytes) -> None:
    with pytest.raises(ContentMismatch):
        sniff.check(content_type, BytesIO(content))


def test_a_character_cut_in_two_by_reading_is_no_broken_text() -> None:
    sniff.check("text/plain", BytesIO(b"x" * 65_535 + "☃".encode()))
    with pytest.raises(ContentMismatch):
        sniff.check("text/plain", BytesIO(b"x" * 65_535 + "☃".encode()[:2]))


@given(kind=st.sampled_from(sorted(IMAGES)), tail=st.binary(max_size=60), cut=st.integers(0, 40))
def test_no_bytes_make_the_check_of_an_image_fail(kind: str, tail: bytes, cut: int) -> None:
    assert raster.whole(kind, BytesIO(IMAGES[kind][:cut] + tail)) in (True, False)


def test_an_image_of_endless_blocks_is_given_up() -> None:
    assert not raster.whole("image/gif", BytesIO(GIF[:-1] + b"!\xfe" + b"\x01x" * 300_000 + b"\x00;"))


def test_a_large_file_is_not_read_whole(tmp_path: object) -> None:
    large = BytesIO(b"x" * 20_000_000)
    tracemalloc.start()
    try:
        sniff.check("text/plain", large)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", ["plan.json", "a b (1).png", "☃", "ファイル.txt", "no extension", "a-b_c.tar.gz", "x" * 200]
)
def test_a_plain_name_is_kept(name: str) -> None:
    assert media.name_of(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "x" * 201, "/etc/passwd", "a/b", "..", "../x", "a..b", "C:\\x", "\\\\host\\share", ".htaccess", "."),
        *("a\x00b", "a\nb", "a\r\nSet-Cookie: x", "\x7f", " a", "a ", "a\u202egnp.exe", "a\u200bb", "a\u2028b"),
        "a\ud800",
    ],
)
def test_a_name_that_is_a_path_or_deceives_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        media.name_of(name)


def test_two_spellings_of_a_name_are_one_name() -> None:
    assert media.name_of("cafe\u0301") == media.name_of("caf\u00e9")


def test_a_content_type_is_kept_without_its_parameters() -> None:
    assert media.type_of("Text/HTML; charset=latin-1") == "text/html"
    for wrong in ("", "text", "text/", "/html", "text/html\r\nX: y", "*/*", "text/plain, text/html", "te xt/plain"):
        with pytest.raises(Invalid):
            media.type_of(wrong)
