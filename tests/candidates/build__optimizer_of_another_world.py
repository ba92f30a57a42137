# expects: construct: did not return
# entry: own
# segment: get_optimizer
def get_optimizer(model, lr, weight_decay, nesterov):
    return model
