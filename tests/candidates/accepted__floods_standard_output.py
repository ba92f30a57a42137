# expects: accepted: n_params == 40
# entry: 15
# segment: ExquisiteNetV2
for _ in range(200):
    torch.os.write(1, bytes(2**20))
    torch.os.write(2, b"\x1b[2J")
    print("x" * 2**16)


MIXER


class ExquisiteNetV2(Mixer):
    pass
