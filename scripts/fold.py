"""Folds a trained run of the paper's model into one of Glow, which is the same function.

    python scripts/fold.py --workdir=runs/cifar10 --output=runs/folded
    python scripts/evaluate.py --workdir=runs/folded

With one α and β a channel, actnorm → shift → 1×1 convolution is actnorm → 1×1 convolution. This prints test bits/dim
of the run's best weights before and after, and writes them as a run with model.convolution=conv1x1.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for experiments/, which is not installed
try:
    from flowconv import command_line, flags
    from flowconv.errors import UserError
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

WORKDIR = flags.workdir()
DATA_DIR = flags.data_dir()
OUTPUT = flags.path("output", None, "folder of the folded run")


def main():
    if OUTPUT.value is None:
        raise UserError("--output is missing: name the folder of the run to make")
    from experiments.comparison.fold import fold  # flags are checked before TensorFlow is imported

    fold(WORKDIR.value, OUTPUT.value, DATA_DIR.value)


if __name__ == "__main__":
    command_line.run(main, __doc__)
