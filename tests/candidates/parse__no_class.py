# expects: syntax: does not define DW
# entry: 47
# segment: DW
DW = nn.Conv2d
