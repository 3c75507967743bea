"""Glow of normflows: a `MultiscaleFlow` of its `GlowBlock`s."""

import normflows
import torch

from benchmarks.peers.pytorch import actions_of, use_all_cores
from benchmarks.peers.tuning import Tuning
from benchmarks.sizes import Size
from benchmarks.worker_protocol import Actions, serve


def note_initialized(module: torch.nn.Module) -> None:
    """Puts a Python boolean in the place of an actnorm's buffer, which compiled code would have to read."""
    if isinstance(module, normflows.flows.ActNorm):
        del module.data_dep_init_done
        module.data_dep_init_done = True


def build(size: Size, **tuning) -> tuple[Actions, dict]:
    """Returns the program's actions; arguments as `worker_protocol.serve` has them, and those of a `Tuning`."""
    use_all_cores()
    bases, flows, merges = [], [], []
    for number, (height, width, channels) in reversed(list(enumerate(size.level_shapes(), 1))):  # from latents to data
        last = number == size.levels
        blocks = [normflows.flows.GlowBlock(channels, size.width) for _ in range(size.depth)]
        flows.append([*blocks, normflows.flows.Squeeze()])
        kept = channels if last else channels // 2
        bases.append(normflows.distributions.DiagGaussian((kept, height, width), trainable=False))
        if not last:
            merges.append(normflows.flows.Merge())
    model = normflows.MultiscaleFlow(bases, flows, merges, class_cond=False)

    def log_prob(x):
        return model.log_prob(x, None)  # of no class

    def sample():
        return model.sample(size.batch_size, temperature=0.7)[0]

    step = normflows.flows.GlowBlock
    return actions_of(model, size, log_prob, sample, "normflows", Tuning(**tuning), step, note_initialized)


if __name__ == "__main__":
    serve(build)
