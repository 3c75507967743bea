"""Worker that runs flowconv: actions "train", "encode" and "sample"."""

from benchmarks.configs import config_of
from benchmarks.sizes import Size
from benchmarks.worker_protocol import Actions, serve
from flowconv import process
from flowconv.config import changed, validate


def build(size: Size, backward: str, precision: str, **settings: int | str) -> tuple[Actions, dict]:
    """Returns training with flips, noise, clipping and averages, encoding to a density, and sampling.

    Arguments as `worker_protocol.serve` and `flowconv.config` have them, settings being of `config.model`; all else is
    the default configuration.
    """
    process.prepare(precision)  # as train.py does
    from benchmarks.flow_actions import flow_actions, numbers
    from benchmarks.machine import threads
    from flowconv import distributed

    distributed.initialize(images=size.batch_size)
    settings |= {"backward": backward, "precision": precision}
    config = changed(config_of(size), {f"model.{name}": value for name, value in settings.items()})
    validate(config)

    flow, actions = flow_actions(config, size)
    return numbers(actions), {"parameters": flow.parameters, "threads": threads()}


if __name__ == "__main__":
    serve(build)
