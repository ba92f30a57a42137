# expects: import: PermissionError|FileNotFoundError|Read-only
# entry: 51
# level: contained
# segment: DW
class DW(nn.Module):
    memory = __import__("multiprocessing.shared_memory").shared_memory
    segment = memory.SharedMemory("guided-evolution-attack", create=True, size=4096)
