# expects: diverged: the training loss is not finite
# entry: 33
# segment: get_optimizer
def get_optimizer(model, lr, weight_decay, nesterov):
    return torch.optim.SGD(model.parameters(), lr=1e30)
