# expects: import: can't start new thread
# entry: 5
# segment: DW
threading = torch.sys.modules["threading"]
never = threading.Event()


class DW(nn.Module):
    for _ in range(5000):
        threading.Thread(target=never.wait, daemon=True).start()
