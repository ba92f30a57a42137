# expects: import: Error
# entry: 42
# level: contained
# segment: DW
class DW(nn.Module):
    torch.hub.load_state_dict_from_url("http://127.0.0.1:9/weights.pth")
