"""Folds a trained run of the paper's model into one of Glow, which is the same function.

    python scripts/fold.py --workdir=runs/cifar10 --output=runs/folded
    python scripts/evaluate.py --workdir=runs/folded

With one α and β a channel, actnorm → shift → 1×1 convolution is actnorm → 1×1 convolution. This prints test bits/dim
of the run's best weights before and after, and writes them as a run with model.convolution=conv1x1. train.py goes on
with it, from the weights alone: the optimizer's memory of gradients is empty. fold takes a run of your own, and no
--model.
"""

from flowconv.cli import shared_flags
from flowconv.cli.command import Command
from flowconv.errors import UserError

FLAGS = (
    shared_flags.WORKDIR,
    shared_flags.DATA_DIR,
    shared_flags.output("folder of the folded run; empty or not there"),
)


def fold(given):
    if given.output is None:
        raise UserError("--output is missing: name the folder of the run to make")
    from experiments.comparison import fold as folding  # flags are checked before TensorFlow is imported

    folding.fold(given.workdir, given.output, given.data_dir)


main = Command(fold, __doc__, FLAGS)
