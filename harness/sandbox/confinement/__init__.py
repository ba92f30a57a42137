"""How a process on Linux gives up what it must not have; plain system calls, no dependency.

Written here because no library does it after a fork, unprivileged, in a millisecond: bubblewrap
and its like wrap a command, at 20 ms and a new Python each.
"""
