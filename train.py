"""Trains an invertible-convolution flow (Glow of L levels × K steps) and evaluates it.

    python train.py --config=configs/cifar10.py --workdir=runs/cifar10
    horovodrun -np 4 python train.py --config=configs/imagenet64.py --workdir=runs/imagenet64
    python train.py --config=configs/cifar10.py --config.model.convolution=conv1x1 --config.model.depth=8

A run that was stopped goes on where it was when it is started again with the same --workdir.
"""

try:
    from flowconv import command_line, configuration, experiment, flags
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

WORKDIR = flags.path("workdir", None, "folder of the run (default: runs/ and the name of the config)")


def main(config):
    configuration.validate(config)  # as flags are, before TensorFlow is imported
    from flowconv.training.loop import train

    train(config, WORKDIR.value or experiment.default_workdir())


if __name__ == "__main__":
    command_line.run(main, __doc__, with_config=True)
