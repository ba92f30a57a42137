# expects: threads: started more than
# entry: 5
# segment: DW
class DW(nn.Module):
    libc, byref = torch.ctypes.CDLL(None), torch.ctypes.byref
    attributes, thread = torch.ctypes.create_string_buffer(64), torch.ctypes.c_ulong()
    libc.pthread_attr_init(attributes)
    libc.pthread_attr_setstacksize(attributes, torch.ctypes.c_size_t(2**14))
    for _ in range(5000):
        libc.pthread_create(byref(thread), attributes, libc.sleep, torch.ctypes.c_void_p(1000))
    libc.sleep(1000)
