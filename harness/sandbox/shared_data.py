"""Training images and their labels, handed from process to process as a file without a name.

Whoever holds the descriptor can read them. The server holds it and never reads, so that children
which must not know the data can be forked from it.
"""

import mmap
import os
import struct
import tempfile
from dataclasses import dataclass
from typing import IO, Self

import numpy as np

from harness.typing import Array

_SHAPE = struct.Struct("<4Q")


@dataclass(frozen=True, kw_only=True)
class Images:
    """Training images and their labels, as the worker holds them.

    images: (n, channels, height, width) uint8; labels: (n,) int64.
    """

    images: Array
    labels: Array

    def to_file(self) -> IO[bytes]:
        """Return a new file that holds them, in memory where the system can do that."""
        if hasattr(os, "memfd_create"):
            file: IO[bytes] = os.fdopen(os.memfd_create("images"), "w+b")
        else:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - it is the caller's to close
        file.write(_SHAPE.pack(*self.images.shape))
        file.write(self.labels.astype("<i8").tobytes())
        file.write(np.ascontiguousarray(self.images).data)
        file.flush()
        return file

    @classmethod
    def of_file(cls, fd: int) -> Self:
        """Map what ``to_file`` wrote; what is changed in it stays in this process."""
        content = mmap.mmap(fd, 0, access=mmap.ACCESS_COPY)
        shape = _SHAPE.unpack_from(content)
        labels = np.frombuffer(content, "<i8", shape[0], offset=_SHAPE.size)
        images = np.frombuffer(content, "u1", offset=_SHAPE.size + labels.nbytes)
        return cls(images=images.reshape(shape), labels=labels)
