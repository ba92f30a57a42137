"""Frames between the harness and a worker: length-prefixed JSON or raw arrays, never pickle.

A frame is one kind byte, a length, and that many bytes. An array frame holds its dtype code,
its shape, and its elements; nothing a peer sends is ever executed or unpickled.
"""

import json
import math
import socket
import struct
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_HEAD = struct.Struct("!cQ")
_DTYPES: dict[bytes, np.dtype[Any]] = {
    b"u": np.dtype("uint8"),
    b"f": np.dtype("<f4"),
    b"l": np.dtype("<i8"),
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}
_MAX_DIMS = 8


class WireError(Exception):
    """The peer closed the channel, broke the framing, or sent too much."""


class Channel:
    """One end of a stream socket; every read has a deadline and a size limit."""

    def __init__(self, sock: socket.socket, *, max_bytes: int) -> None:
        self._sock = sock
        self._max_bytes = max_bytes

    def send_json(self, value: Any, *, deadline: float = math.inf) -> None:
        """Send one JSON value; TimeoutError past the deadline."""
        self._send(b"j", json.dumps(value).encode(), deadline)

    def send_array(self, array: Array, *, deadline: float = math.inf) -> None:
        """Send a uint8, float32 or int64 array, as its bytes in C order."""
        code = _CODES[array.dtype]
        shape = struct.pack(f"!B{array.ndim}Q", array.ndim, *array.shape)
        self._send(b"a", code + shape + np.ascontiguousarray(array).tobytes(), deadline)

    def receive_json(self, *, deadline: float = math.inf) -> Any:
        """Receive a JSON value; WireError for anything else, TimeoutError past the deadline."""
        kind, payload = self._receive(deadline)
        if kind != b"j":
            raise WireError("expected a JSON frame, got an array")
        try:
            return json.loads(payload)
        except ValueError as error:
            raise WireError("expected a JSON frame, got bytes that do not parse") from error

    def receive_array(self, *, deadline: float = math.inf) -> Array:
        """Receive an array; WireError for anything else, TimeoutError past the deadline."""
        kind, payload = self._receive(deadline)
        if kind != b"a":
            raise WireError("expected an array frame, got something else")
        return _decode(payload)

    def receive(self, *, deadline: float = math.inf) -> Any:
        """Receive whichever frame comes: an array or a JSON value."""
        kind, payload = self._receive(deadline)
        try:
            return _decode(payload) if kind == b"a" else json.loads(payload)
        except ValueError as error:
            raise WireError("the peer sent a frame that does not parse") from error

    def close(self) -> None:
        """Close this end; the peer's next read fails."""
        self._sock.close()

    def _send(self, kind: bytes, payload: bytes, deadline: float) -> None:
        left = max(deadline - time.monotonic(), 1e-3)
        try:
            self._sock.settimeout(None if math.isinf(left) else left)
            self._sock.sendall(_HEAD.pack(kind, len(payload)) + payload)
        except TimeoutError:
            raise
        except OSError as error:
            raise WireError(f"the peer does not read: {error}") from error

    def _receive(self, deadline: float) -> tuple[bytes, bytes]:
        kind, length = _HEAD.unpack(self._read(_HEAD.size, deadline))
        if kind not in {b"j", b"a"} or length > self._max_bytes:
            raise WireError(f"expected a frame of at most {self._max_bytes} bytes, got {length}")
        return kind, self._read(length, deadline)

    def _read(self, n_bytes: int, deadline: float) -> bytes:
        buffer = bytearray()
        while len(buffer) < n_bytes:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(None if math.isinf(left) else left)
            try:
                piece = self._sock.recv(min(n_bytes - len(buffer), 1 << 20))
            except TimeoutError:
                raise
            except OSError as error:
                raise WireError(f"the channel broke: {error}") from error
            if not piece:
                raise WireError("the peer closed the channel")
            buffer += piece
        return bytes(buffer)


def _decode(payload: bytes) -> Array:
    if len(payload) < 2 or payload[:1] not in _DTYPES or payload[1] > _MAX_DIMS:  # noqa: PLR2004
        raise WireError("the peer sent an array frame without a valid dtype and shape")
    dtype, ndim = _DTYPES[payload[:1]], payload[1]
    start = 2 + 8 * ndim
    if len(payload) < start:
        raise WireError("the peer sent an array frame shorter than its shape")
    shape = struct.unpack(f"!{ndim}Q", payload[2:start])
    if math.prod(shape) * dtype.itemsize != len(payload) - start:
        raise WireError("the peer sent an array frame whose bytes do not fill its shape")
    return np.frombuffer(payload, dtype=dtype, offset=start).reshape(shape)
