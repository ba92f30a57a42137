"""Frames between the harness and a worker: length-prefixed JSON or raw arrays, never pickle.

A frame is one kind byte, a length, and that many bytes. An array frame holds its dtype code,
its shape, and its elements; nothing a peer sends is ever executed or unpickled.
"""

import json
import math
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.typing import Array

_HEAD = struct.Struct("!cQ")
_DTYPES: dict[bytes, np.dtype[Any]] = {
    b"u": np.dtype("uint8"),
    b"f": np.dtype("<f4"),
    b"l": np.dtype("<i8"),
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}
_MAX_DIMS = 8
_MAX_JSON_BYTES = 1 << 20


class FrameError(Exception):
    """The peer closed the channel, broke the framing, or sent too much."""


class Channel:
    """One end of a stream socket; reads have a deadline, and limits per JSON frame and in all."""

    def __init__(self, sock: socket.socket, *, max_bytes: int) -> None:
        self._sock = sock
        self._bytes_left = max_bytes

    def allow(self, max_bytes: int) -> None:
        """Accept so many more bytes from the peer, regardless of what it has sent already."""
        self._bytes_left = max_bytes

    def send_json(self, value: Any, *, deadline: float = math.inf) -> None:
        """Send one JSON value; TimeoutError past the deadline."""
        self._send(b"j", json.dumps(value).encode(), deadline)

    def send_array(self, array: Array, *, deadline: float = math.inf) -> None:
        """Send a uint8, float32 or int64 array, as its bytes in C order."""
        code = _CODES[array.dtype]
        shape = struct.pack(f"!B{array.ndim}Q", array.ndim, *array.shape)
        content = np.ascontiguousarray(array).reshape(-1).view("u1")  # a view, for it may be large
        self._send(b"a", code + shape, deadline, content)

    def receive_json(self, *, deadline: float = math.inf) -> Any:
        """Receive a JSON value; FrameError for anything else, TimeoutError past the deadline."""
        kind, payload = self._receive(deadline)
        if kind != b"j":
            raise FrameError("expected a JSON frame, got an array")
        return _parsed(payload)

    def receive_array(self, *, deadline: float = math.inf) -> Array:
        """Receive an array; FrameError for anything else, TimeoutError past the deadline."""
        kind, payload = self._receive(deadline)
        if kind != b"a":
            raise FrameError("expected an array frame, got something else")
        return _decode(payload)

    def receive(self, *, deadline: float = math.inf) -> Any:
        """Receive the next frame: an array or a JSON value."""
        kind, payload = self._receive(deadline)
        return _decode(payload) if kind == b"a" else _parsed(payload)

    def close(self) -> None:
        """Close this end; the peer's next read fails."""
        self._sock.close()

    def _send(self, kind: bytes, start: bytes, deadline: float, rest: bytes | Array = b"") -> None:
        head = _HEAD.pack(kind, len(start) + len(rest)) + start
        for left in (memoryview(head), memoryview(rest)):  # type: ignore[arg-type]
            while left:
                sent = self._before(lambda: self._sock.send(left), deadline)  # noqa: B023
                left = left[sent:]  # noqa: PLW2901 - what is still to go

    def _receive(self, deadline: float) -> tuple[bytes, memoryview]:
        kind, length = _HEAD.unpack(self._read(_HEAD.size, deadline))
        limit = min(self._bytes_left, _MAX_JSON_BYTES if kind == b"j" else self._bytes_left)
        if kind not in {b"j", b"a"} or length > limit:
            raise FrameError(f"expected a frame of at most {limit} bytes, got one of {length}")
        self._bytes_left -= length
        return kind, self._read(length, deadline)

    def _read(self, n_bytes: int, deadline: float) -> memoryview:
        buffer = np.empty(
            n_bytes, "u1"
        ).data  # the kernel allocates pages as bytes arrive, not as announced
        filled = 0
        while filled < n_bytes:
            free = buffer[filled:]
            got = self._before(lambda: self._sock.recv_into(free), deadline)  # noqa: B023
            if not got:
                raise FrameError("the peer closed the channel")
            filled += got
        return buffer

    def _before(self, step: Callable[[], int], deadline: float) -> int:
        """Take one step on the socket; TimeoutError where the peer is not ready by the deadline."""
        patience = deadline - time.monotonic()
        if patience <= 0:
            raise TimeoutError
        self._sock.settimeout(None if math.isinf(patience) else patience)
        try:
            return step()
        except TimeoutError:
            raise
        except OSError as error:
            raise FrameError(f"the channel broke: {error}") from error


def _parsed(payload: memoryview) -> Any:
    try:
        return json.loads(bytes(payload))
    except (ValueError, RecursionError) as error:
        raise FrameError("the peer sent a JSON frame that does not parse") from error


def _decode(payload: memoryview) -> Array:
    if len(payload) < 2 or bytes(payload[:1]) not in _DTYPES or payload[1] > _MAX_DIMS:  # noqa: PLR2004
        raise FrameError("the peer sent an array frame without a valid dtype and shape")
    dtype, ndim = _DTYPES[bytes(payload[:1])], payload[1]
    start = 2 + 8 * ndim
    if len(payload) < start:
        raise FrameError("the peer sent an array frame shorter than its shape")
    shape = struct.unpack(f"!{ndim}Q", payload[2:start])
    if max(shape, default=0) > len(payload):
        raise FrameError("the peer sent an array frame of an impossible shape")
    if math.prod(shape) * dtype.itemsize != len(payload) - start:
        raise FrameError("the peer sent an array frame whose bytes do not fill its shape")
    return np.frombuffer(payload, dtype=dtype, offset=start).reshape(shape)
