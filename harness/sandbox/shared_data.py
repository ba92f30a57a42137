"""Training data, handed from process to process as a file without a name.

Every process that holds the descriptor can read them. The server holds it and never reads, so that
children that must not know the data can be forked from it.
"""

import json
import mmap
import os
import struct
import tempfile
from dataclasses import dataclass
from typing import IO, Self

import numpy as np

from harness.typing import Array

_HEAD = struct.Struct("<Q")
_ALIGNMENT = 64


@dataclass(frozen=True, kw_only=True)
class SharedData:
    """Training inputs and their labels, arrays of any shape and number type.

    Attributes:
        inputs: (n, ...) as they are stored.
        labels: (n, ...).
    """

    inputs: Array
    labels: Array

    def to_file(self) -> IO[bytes]:
        """Return a new file with the arrays, in memory where the system has such files."""
        if hasattr(os, "memfd_create"):
            file: IO[bytes] = os.fdopen(os.memfd_create("training-data"), "w+b")
        else:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - it is the caller's to close
        arrays = [self.labels, self.inputs]
        header = json.dumps([[a.dtype.str, list(a.shape)] for a in arrays]).encode()
        file.write(_HEAD.pack(len(header)) + header)
        for array in arrays:
            file.write(bytes(_aligned(file.tell()) - file.tell()))
            file.write(np.ascontiguousarray(array).reshape(-1).view("u1").data)
        file.flush()
        return file

    @classmethod
    def of_file(cls, fd: int) -> Self:
        """Map what ``to_file`` wrote; changes to it stay in this process."""
        content = mmap.mmap(fd, 0, access=mmap.ACCESS_COPY)
        (length,) = _HEAD.unpack_from(content)
        place, arrays = _HEAD.size + length, []
        for dtype, shape in json.loads(content[_HEAD.size : place]):
            count = int(np.prod(shape))
            array = np.frombuffer(content, dtype, count, offset=_aligned(place))
            place = _aligned(place) + array.nbytes
            arrays.append(array.reshape(shape))
        labels, inputs = arrays
        return cls(inputs=inputs, labels=labels)


def _aligned(place: int) -> int:
    return -(-place // _ALIGNMENT) * _ALIGNMENT
