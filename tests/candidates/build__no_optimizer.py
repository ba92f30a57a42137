# expects: construct: get_optimizer did not return a torch.optim.Optimizer
# entry: own
# segment: get_optimizer
def get_optimizer(model, lr, weight_decay, nesterov):
    return lr
