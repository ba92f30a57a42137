"""Parts of image files, counted before decoding: decoders take time and memory for each."""

from collections.abc import Iterator

MOST_PARTS = 1 << 16
"""Most markers of a JPEG before its first scan, or chunks of a PNG: Pillow needs 0.2 s for them."""
MOST_SCANS = 500
"""Most scans of a JPEG. Each is decoded into all pixels; a common encoder writes ten."""
_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_MARKER, _START_OF_SCAN = 0xFF, 0xDA
_WITHOUT_LENGTH = {0x00, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)}
"""Codes after which Pillow reads no length."""


def require_few_parts(content: bytes) -> None:
    """Raise ValueError if a file is a JPEG or a PNG of too many parts."""
    if content.startswith(_JPEG):
        parts, kind = _markers(content), "markers"
    elif content.startswith(_PNG):
        parts, kind = _chunks(content), "chunks"
    else:
        return
    place = 0
    for n, end in enumerate(parts):
        place = end
        if n >= MOST_PARTS:
            raise ValueError(f"it has more than {MOST_PARTS:,} {kind}")
    scans = content.count(bytes((_MARKER, _START_OF_SCAN)), place) if kind == "markers" else 0
    if scans > MOST_SCANS:
        raise ValueError(f"it has {scans:,} scans, expected at most {MOST_SCANS}")


def _markers(content: bytes) -> Iterator[int]:
    """Yield the end of each part before the first scan; a stray byte is a part of its own."""
    place = len(_JPEG)
    while place + 1 < len(content):
        code = content[place + 1]
        if content[place] != _MARKER or code == _MARKER:
            place += 1
        elif code == _START_OF_SCAN:
            return
        elif code in _WITHOUT_LENGTH:
            place += 2
        else:
            place += 2 + max(2, int.from_bytes(content[place + 2 : place + 4]))
        yield place


def _chunks(content: bytes) -> Iterator[int]:
    """Yield the end of each chunk: a length, a name, the data and a sum."""
    place = len(_PNG)
    while place < len(content):
        place += 12 + int.from_bytes(content[place : place + 4])
        yield place
