"""Landlock: a process reads listed files only, writes none, connects nowhere, signals no other.

Linux 5.13 or newer (kernel documentation, userspace-api/landlock). Works without privileges.
Seccomp has to stop what an older version cannot restrict; ``doctor`` shows it by trying.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from harness.sandbox.confinement.system import syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR, _WRITE_FILE, _IOCTL_DEVICE = 1 << 2, 1 << 3, 1 << 1, 1 << 15
_FILE_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 5: 16}
"""Version of Landlock to the number of rights over files from then on."""
_TCP_SINCE, _SCOPES_SINCE = 4, 6
_BIND_AND_CONNECT, _ABSTRACT_SOCKETS_AND_SIGNALS = 0b11, 0b11


def version() -> int:
    """Return the kernel's Landlock version, 0 where there is none."""
    try:
        return syscall(_CREATE_RULESET, 0, 0, _ASK_VERSION)
    except OSError:
        return 0


class Ruleset:
    """Rules for files that stay readable and devices that stay usable."""

    def __init__(self, readable: Iterable[str], devices: Iterable[str] = ()) -> None:
        known = version()
        n_rights = max(n for since, n in _FILE_RIGHTS_BY_VERSION.items() if since <= known)
        self._handled = (1 << n_rights) - 1
        network = _BIND_AND_CONNECT if known >= _TCP_SINCE else 0
        scopes = _ABSTRACT_SOCKETS_AND_SIGNALS if known >= _SCOPES_SINCE else 0
        size = 8 * (1 + (known >= _TCP_SINCE) + (known >= _SCOPES_SINCE))
        attributes = struct.pack("QQQ", self._handled, network, scopes)[:size]
        self.fd = syscall(_CREATE_RULESET, ctypes.c_char_p(attributes), size, 0)
        for path in readable:
            self._allow(path, _READ_FILE | _READ_DIR)
        for path in devices:
            self._allow(path, _READ_FILE | _READ_DIR | _WRITE_FILE | _IOCTL_DEVICE)

    def allow_listing(self, folder: int) -> None:
        """Allow listing of a folder, given by its descriptor, and of all folders below."""
        self._add(folder, _READ_DIR)

    def restrict_self(self) -> None:
        """Apply to this thread and all that it starts; needs no_new_privs. Closes the ruleset."""
        syscall(_RESTRICT_SELF, self.fd, 0)
        os.close(self.fd)

    def _allow(self, path: str, rights: int) -> None:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            if not stat.S_ISDIR(os.fstat(fd).st_mode):
                rights &= ~_READ_DIR
            self._add(fd, rights)
        finally:
            os.close(fd)

    def _add(self, beneath: int, rights: int) -> None:
        rule = ctypes.c_char_p(struct.pack("=Qi", rights & self._handled, beneath))
        syscall(_ADD_RULE, self.fd, _PATH_BENEATH, rule, 0)
