"""Trains an invertible-convolution flow (Glow of L levels × K steps) and evaluates it.

    python train.py --config=configs/cifar10.py --workdir=runs/cifar10
    horovodrun -np 4 python train.py --config=configs/imagenet64.py --workdir=runs/imagenet64
    python train.py --config.model.convolution=conv1x1 --config.model.depth=4 --workdir=runs/conv1x1

A run that was stopped goes on where it was when it is started again with the same --workdir.
"""

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command
from flowconv.config import config_file

FLAGS = (
    shared_flags.workdir("folder of the run (default: runs/ and the name of the config)"),
    flags.whole("profile", 0, "steps that TensorFlow's profiler traces, after the first few, for TensorBoard", 0),
)


def train(given, config):
    from flowconv.training import train as training

    training.train(config, given.workdir or config_file.default_workdir(given.config), given.profile)


main = Command(train, __doc__, FLAGS, takes_config=True, takes_ranks=True)
