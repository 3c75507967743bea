"""Trains variants of a model alike, several seeds each, and puts them side by side in one table.

    python scripts/compare.py --config=configs/cifar10.py --variants=realnvp,conv1x1,emerging,periodic,shift \\
        --seeds=3 --config.train.images=1000000 --output=runs/comparison
    horovodrun -np 4 python scripts/compare.py --config=configs/cifar10.py --output=runs/comparison

A variant is a model (realnvp, nice) or Glow with a convolution (shift, conv1x1, emerging, …), and may change further
fields of config.model: emerging:kernel_size=5, shift:parameterization=orthogonal. All see the same images in the same
order. Stopped and started again with the same flags, it goes on where it was. --output gets table.md, table.csv,
curves.png, layers.md and layers.csv (the cost of one layer of each convolution that is compared), and the runs.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for experiments/, which is not installed
try:
    from experiments.comparison import variants
    from flowconv import command_line, flags
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

VARIANTS = flags.words(
    "variants", ("realnvp", "conv1x1", "emerging", "periodic", "shift", "rolled_shift"), "what is compared"
)
SEEDS = flags.whole("seeds", 3, "runs of each variant, with seeds from config.seed on", 1)
OUTPUT = flags.path("output", "runs/comparison", "folder of tables, curves and runs")
ROUNDS = flags.whole("rounds", 10, "alternated rounds in which speeds are measured", 1)
LAYERS = flags.boolean(
    "layers", True, "whether the cost of each convolution that is compared, one layer alone, is measured too"
)


def main(config):
    configs = variants.variant_configs(config, VARIANTS.value, SEEDS.value)
    from experiments.comparison.compare import compare  # flags are checked before TensorFlow is imported

    compare(configs, OUTPUT.value, ROUNDS.value, LAYERS.value)


if __name__ == "__main__":
    command_line.run(main, __doc__, with_config=True)
