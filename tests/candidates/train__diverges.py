# expects: the training loss is not finite
# segment: get_optimizer
def get_optimizer(model, lr, weight_decay, nesterov):
    return torch.optim.SGD(model.parameters(), lr=1e30)
