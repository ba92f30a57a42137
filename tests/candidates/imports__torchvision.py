# expects: policy: import of torchvision.models is not allowed
# entry: 42
# segment: DW
from torchvision.models import resnet18


class DW(nn.Module):
    pretrained = resnet18(weights="DEFAULT")
