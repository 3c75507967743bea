"""Glow of FrEIA's parts: levels of `AllInOneBlock`s, each an affine coupling, scales and offsets, and a rotation.

The rotation is drawn once and isn't trained, as FrEIA has no 1×1 convolution that is. So a step costs it a little less
than it costs the others.
"""

import math

import torch
from FrEIA.framework import SequenceINN
from FrEIA.modules import AllInOneBlock, IRevNetDownsampling

from benchmarks.peers.pytorch import actions_of, network_layers, use_all_cores
from benchmarks.peers.tuning import Tuning
from benchmarks.sizes import Size
from benchmarks.worker_protocol import Actions, serve


class Glow(torch.nn.Module):
    """All levels; half of the channels leave after each but the last."""

    def __init__(self, size: Size):
        super().__init__()
        self.levels = torch.nn.ModuleList()

        def network(inputs: int, outputs: int) -> torch.nn.Module:
            return torch.nn.Sequential(*network_layers(inputs, outputs, size.width))

        for height, width, channels in size.level_shapes():
            level = SequenceINN(channels // 4, 2 * height, 2 * width)
            level.append(IRevNetDownsampling)
            for _ in range(size.depth):
                level.append(AllInOneBlock, subnet_constructor=network, permute_soft=True)
            self.levels.append(level)
        height, width, channels = size.level_shapes()[-1]
        self.last_shape = (size.batch_size, channels // 2, height, width)

    def log_prob(self, x: torch.Tensor) -> torch.Tensor:
        """Returns log p of images, nats."""
        total = torch.zeros(len(x))
        for level in self.levels:
            x, log_det = level(x)
            x, latents = x.chunk(2, dim=1)
            total = total + log_det + standard_normal(latents)
        return total + standard_normal(x)

    def sample(self, temperature: float) -> torch.Tensor:
        """Returns a batch of images."""
        x = temperature * torch.randn(self.last_shape)
        for level in reversed(self.levels):
            x, _ = level(torch.cat([x, temperature * torch.randn_like(x)], 1), rev=True)
        return x


def standard_normal(latents: torch.Tensor) -> torch.Tensor:
    """Returns the log-density of latents, a number an image."""
    return -0.5 * (latents.square() + math.log(2.0 * math.pi)).flatten(1).sum(1)


def build(size: Size, **tuning) -> tuple[Actions, dict]:
    """Returns the program's actions; arguments as `worker_protocol.serve` has them, and those of a `Tuning`."""
    use_all_cores()
    flow = Glow(size)
    return actions_of(
        flow,
        size,
        flow.log_prob,
        lambda: flow.sample(0.7),
        "FrEIA",
        Tuning(**tuning),
        AllInOneBlock,
        lambda module: None,
    )


if __name__ == "__main__":
    serve(build)
