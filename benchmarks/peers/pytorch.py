"""What the programs on PyTorch have in common."""

import math
import os
from collections.abc import Callable, Collection
from importlib import metadata

import torch

from benchmarks.peers.tuning import Tuning
from benchmarks.sizes import Size
from benchmarks.worker_protocol import Actions

LEARNING_RATE = 1e-4


def actions_of(
    model: torch.nn.Module,
    size: Size,
    log_prob: Callable[[torch.Tensor], torch.Tensor],
    sample: Callable[[], torch.Tensor],
    package: str,
    tuning: Tuning,
    step: type[torch.nn.Module],
    initialized: Callable[[torch.nn.Module], None],
) -> tuple[Actions, dict]:
    """Returns a model's actions and facts, as `worker_protocol.serve` wants them.

    Args:
      model: whose parameters are trained.
      size: of its batches.
      log_prob: of images `[B, 3, H, W]` around zero, `[B]`, nats.
      sample: draws a batch of images at temperature 0.7.
      package: the program's name.
      tuning: what is done for speed.
      step: the class of the steps of flow.
      initialized: called with each module when it has seen data, before anything is compiled.
    """
    layout = torch.channels_last if tuning.channels_last else torch.contiguous_format
    model.to(memory_format=layout)
    pixels = torch.randint(0, 256, (size.batch_size, 3, size.image_size, size.image_size), dtype=torch.uint8)
    pixels = pixels.contiguous(memory_format=layout)
    dimensions = math.prod(pixels.shape[1:])

    def loss():
        x = (pixels + torch.rand_like(pixels, dtype=torch.float32)) / 256.0 - 0.5
        return 8.0 - log_prob(x).mean() / (dimensions * math.log(2.0))

    with torch.no_grad():
        loss()  # which initializes what depends on data
    if tuning.compiled:
        torch._dynamo.config.recompile_limit = 64  # of each method: shapes, with gradients and without
        for module in model.modules():
            initialized(module)
        for name in ("forward", "inverse"):  # FrEIA has both ways in one method
            if hasattr(step, name):
                setattr(step, name, compiled(getattr(step, name), tuning.compiled))
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)

    def train():
        optimizer.zero_grad(set_to_none=True)
        bits_per_dim = loss()
        bits_per_dim.backward()
        optimizer.step()
        return bits_per_dim.item()

    def encode():
        with torch.no_grad():
            return loss().item()

    def draw():
        with torch.no_grad():
            return sample().mean().item()

    facts = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__, package: metadata.version(package)},
    }
    return {"train": train, "encode": encode, "sample": draw}, facts


def network_layers(inputs: int, outputs: int, width: int) -> list[torch.nn.Module]:
    """Returns the layers of a coupling network: 3×3, 1×1 and 3×3 convolutions, the last one zero at first."""
    last = torch.nn.Conv2d(width, outputs, 3, padding=1)
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    return [
        torch.nn.Conv2d(inputs, width, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(width, width, 1),
        torch.nn.ReLU(),
        last,
    ]


def compiled(function: Callable, purposes: Collection[str]) -> Callable:
    """Returns it compiled by inductor, anew for each shape, and as it was for what is no purpose."""
    fast = torch.compile(function, dynamic=False)

    def chosen(*arguments, **named):
        purpose = "training" if torch.is_grad_enabled() else "inference"
        return (fast if purpose in purposes else function)(*arguments, **named)

    return chosen


def use_all_cores() -> None:
    """Gives PyTorch as many threads as this process may use cores, and its draws a seed."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
