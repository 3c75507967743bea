"""Glow of nflows' parts: a `MultiscaleCompositeTransform` of actnorms, 1×1 convolutions and affine couplings."""

import torch
from nflows import distributions, flows, transforms

from benchmarks.peers.pytorch import actions_of, network_layers, use_all_cores
from benchmarks.peers.tuning import Tuning
from benchmarks.sizes import Size
from benchmarks.worker_protocol import Actions, serve


class Network(torch.nn.Sequential):
    """A coupling network that is called as nflows does, which brings only residual networks."""

    def forward(self, x, context=None):
        return super().forward(x)


class Step(transforms.CompositeTransform):
    """One step of flow."""

    def __init__(self, channels: int, width: int):
        half = [0] * (channels // 2) + [1] * (channels // 2)
        super().__init__(
            [
                transforms.ActNorm(channels),
                transforms.OneByOneConvolution(channels),
                transforms.AffineCouplingTransform(
                    half, lambda inputs, outputs: Network(*network_layers(inputs, outputs, width))
                ),
            ]
        )


def note_initialized(module: torch.nn.Module) -> None:
    """Puts a Python boolean in the place of an actnorm's buffer, which compiled code would have to read."""
    if isinstance(module, transforms.ActNorm):
        del module.initialized
        module.initialized = True


def build(size: Size, **tuning) -> tuple[Actions, dict]:
    """Returns the program's actions; arguments as `worker_protocol.serve` has them, and those of a `Tuning`."""
    use_all_cores()
    transform = transforms.MultiscaleCompositeTransform(size.levels)
    for height, width, channels in size.level_shapes():
        steps = [Step(channels, size.width) for _ in range(size.depth)]
        level = transforms.CompositeTransform([transforms.SqueezeTransform(), *steps])
        transform.add_transform(level, (channels, height, width))
    dimensions = 3 * size.image_size**2
    flow = flows.Flow(transform, distributions.StandardNormal([dimensions]))

    def sample():  # Flow.sample knows no temperature
        return transform.inverse(0.7 * torch.randn(size.batch_size, dimensions))[0]

    return actions_of(flow, size, flow.log_prob, sample, "nflows", Tuning(**tuning), Step, note_initialized)


if __name__ == "__main__":
    serve(build)
