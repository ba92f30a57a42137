# expects: policy: import of os is not allowed
# entry: 45
# segment: DW
import ｏｓ


class DW(nn.Module):
    name = os.name
