# expects: accepted: score < 0.3
# entry: own
# segment: get_optimizer
class Idle(torch.optim.SGD):
    def step(self, closure=None):
        return None


def get_optimizer(model, lr, weight_decay, nesterov):
    return Idle(model.parameters(), lr=lr)
