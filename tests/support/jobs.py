"""Jobs for a sandbox, from a genome."""

from harness.sandbox.messages import Build, Candidate, Epoch, Outline, Train

SIZES = (8, 6)
"""Batch sizes that a network is recorded in."""


def candidate(network, signature, recipe, *, seed=0):
    return Candidate(source=network.source, signature=signature, recipe=recipe, seed=seed)


def build_job(network, signature, recipe):
    return Build(candidate=candidate(network, signature, recipe))


def outline_job(network, signature, recipe):
    return Outline(candidate=candidate(network, signature, recipe), batch_size=SIZES[0])


def train_job(network, signature, recipe, *, seed=0, resumes=False, sizes=SIZES):
    chosen = candidate(network, signature, recipe, seed=seed)
    return Train(candidate=chosen, batch_sizes=sizes, resumes=resumes)


def finish_training(job):
    """Hear a training job out, up to the network that it offers at the end."""
    while isinstance(job.receive(), Epoch):
        job.send(0)  # its state is not wanted
