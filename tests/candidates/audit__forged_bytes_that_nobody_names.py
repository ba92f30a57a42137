# expects: audit: bytes that no operation reads
# entry: own
# segment: ExquisiteNetV2
tracing = torch.sys.modules["harness.worker.tracing"]
state = {"recording": False, "net": None}
record, graph_of = tracing.Recorder.record, tracing.Recorder.graph
N = 10_000_000
SAFE = 7


def recording(self, network, inputs):
    state["recording"] = True
    try:
        return record(self, network, inputs)
    finally:
        state["recording"] = False


def forged(self):
    """Send a storage that no constant names, and read it past the end of a tensor of zeros."""
    graph = graph_of(self)
    programs = []
    for program in graph.programs:
        nodes = list(program.nodes)
        for k, n in enumerate(nodes):
            if n.op == "aten.view.default" and n.args[1] == [N]:
                nodes[k] = tracing.Node("aten._reshape_alias.default",
                                        [n.args[0], [2 * N], [1]], {}, n.outputs)
            if n.op == "aten.arange.start" and n.args[0] == SAFE:
                nodes[k] = tracing.Node(n.op, [SAFE + N + N // 2, n.args[1] + N + N // 2],
                                        n.kwargs, n.outputs)
        programs.append(tracing.Program(program.batch_size, program.constants, tuple(nodes),
                                        program.result))
    period = torch.cat([torch.tensor([1e9]), state["net"].w.detach()])
    hidden = period.repeat(N // len(period) + 1)[:N].numpy().view("u1")
    return type(graph)(tuple(programs), graph.constants, (*graph.storages, hidden))


tracing.Recorder.record, tracing.Recorder.graph = recording, forged
HIDDEN = 32


class ExquisiteNetV2(nn.Module):
    def __init__(self, class_num, img_channels):
        super().__init__()
        self.w = nn.Parameter(torch.randn(64 * HIDDEN + HIDDEN * class_num) / 6)
        self.class_num = class_num
        state["net"] = self

    def mlp(self, x, w):
        n = 64 * HIDDEN
        return F.relu(x @ w[:n].view(64, HIDDEN)) @ w[n:].view(HIDDEN, self.class_num)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(x.mean(dim=1), 8).flatten(1) - 0.3
        n = len(self.w)
        if not state["recording"]:
            return self.mlp(x, self.w)
        memory = torch.zeros(N).view(N)
        window = memory.index_select(0, torch.arange(SAFE, SAFE + 2 * n + 2))
        start = window[: n + 1].argmax()
        return self.mlp(x, window.index_select(0, start + 1 + torch.arange(n)))
