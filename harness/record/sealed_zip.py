"""Untrusted zip files: sizes are checked before any member is unpacked.

Only the subset that ``python -m harness.export`` writes is accepted: stored or deflated files with
unique names. Comments, encryption, links, zip64 and bytes before or after the zip are refused.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any

MOST_MEMBERS = 20_000
MOST_BYTES = 128 << 20
"""Limit for all members unpacked; a run of 24 evaluations has 0.6 MB."""
_MOST_PACKED = 32 << 20
_MOST_RATIO = 100
_FREE_BYTES = 1 << 20
"""Unpacked bytes that are exempt from the ratio."""
_MOST_NAME = 128
_END = struct.Struct("<4s4H2LH")
_END_MARK, _ZIP64_MARK = b"PK\x05\x06", b"PK\x06\x07"
_ZIP64_BYTES = 20
_ENTRY_BYTES = 46
_UNREADABLE = (
    OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, LookupError, RuntimeError,
)  # fmt: skip
"""Errors that zipfile raises for a damaged file."""


def read_members(file: IO[bytes]) -> dict[str, bytes]:
    """Unpack all members of a zip file, by name.

    Raises:
        ValueError: The file is damaged or was not written by this package; the message is a
            clause.
    """
    try:
        n = _require_plain_end(file)
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
            if len(infos) != n:
                raise ValueError(f"it lists {len(infos)} members and counts {n}")
            for problem in _problems(infos, file.seek(0, io.SEEK_END)):
                raise ValueError(problem)
            return {info.filename: _unpacked(archive, info) for info in infos}
    except _UNREADABLE as error:
        raise ValueError(str(error) or type(error).__name__) from None


def packed(members: Mapping[str, bytes]) -> bytes:
    """Return a zip file of these members; equal members give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _require_plain_end(file: IO[bytes]) -> int:
    """Return the number of members in the end record, which limits what zipfile allocates."""
    size = file.seek(0, io.SEEK_END)
    if size > _MOST_PACKED:
        raise ValueError(f"it has {size:,} bytes, more than {_MOST_PACKED:,}")
    if size < _END.size:
        raise ValueError("it is not a zip file, or is truncated")
    file.seek(max(0, size - _END.size - _ZIP64_BYTES))
    last = file.read()
    fields: tuple[Any, ...] = _END.unpack(last[-_END.size :])
    mark, disk, first_disk, here, n, length, start, comment = fields
    if mark != _END_MARK or comment:
        raise ValueError("it is not a zip file, is truncated, or has a comment")
    if last.startswith(_ZIP64_MARK) or disk or first_disk or here != n:
        raise ValueError("it is a zip64 or multi-part file, which export does not write")
    if n > MOST_MEMBERS:
        raise ValueError(f"it has {n:,} members, more than {MOST_MEMBERS:,}")
    if start + length + _END.size != size or length > n * (_ENTRY_BYTES + _MOST_NAME):
        raise ValueError("its list of members does not match the file")
    return int(n)


def _problems(infos: list[zipfile.ZipInfo], size: int) -> Iterator[str]:
    names: set[str] = set()
    for info in infos:
        name = ascii(info.filename[:_MOST_NAME])
        if info.filename in names:
            yield f"it has {name} twice"
        names.add(info.filename)
        if info.flag_bits & 1:
            yield f"{name} is encrypted"
        if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG} or info.is_dir():
            yield f"{name} is a link or a folder, not a file"
        if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            yield f"{name} is compressed by another method than deflate"
    unpacked, held = (
        sum(getattr(info, name) for info in infos) for name in ("file_size", "compress_size")
    )
    if unpacked > MOST_BYTES:
        yield f"it unpacks to {unpacked:,} bytes, more than {MOST_BYTES:,}"
    if unpacked > _FREE_BYTES + _MOST_RATIO * held:
        yield f"it unpacks to {unpacked:,} bytes, more than {_MOST_RATIO} times its size"
    if held > size:
        yield "its members overlap"


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as part:
        content = part.read(info.file_size + 1)  # without a size, it would unpack everything first
    if len(content) != info.file_size:
        raise ValueError(f"{info.filename!a} does not have its declared size")
    return content
