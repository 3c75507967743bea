r"""Trains variants of a model alike, several seeds each, and puts them side by side in one table.

    python scripts/compare.py --config=configs/cifar10.py --variants=realnvp,conv1x1,emerging,periodic,shift \
        --seeds=3 --config.train.images=1000000 --output=runs/comparison
    horovodrun -np 4 python scripts/compare.py --config=configs/cifar10.py --output=runs/comparison

A variant is a model (realnvp, nice) or Glow with a convolution (shift, conv1x1, emerging, …), and may change further
fields of config.model: emerging:kernel_size=5, shift:parameterization=orthogonal. All see the same images in the same
order: --config.train.images of them or, with --seconds, those that a variant is through with in so much training.
--sweep=experiments/families.txt has one of each family, at about equal cost.

With --learning_rates=0.5,1,2 each variant trains from the first seed with each of these times the learning rate before,
for a quarter of the images. That with the lowest validation bits/dim is taken for all seeds.

Stopped and started again with the same flags, it goes on where it was. --output gets the runs, and table.md, table.csv,
pairs.md and pairs.csv (differences from the first variant, seed by seed). curves.png and rates.png (bits/dim over the
rate of decoding) are figures. layers.md and layers.csv have the cost of one layer of each convolution that is compared,
about.json has all figures, with those on the way.
"""

from benchmarks import variants
from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command

FLAGS = (
    flags.words("variants", (), f"what is compared (default: {', '.join(variants.DEFAULT)})"),
    flags.path(
        "sweep",
        None,
        "file that lists the variants in place of --variants, one a line, or NAME = VARIANT, with # for comments",
    ),
    flags.whole("seeds", 3, "runs of each variant, with seeds from config.seed on", 1),
    shared_flags.output("folder of tables, curves and runs", "runs/comparison"),
    flags.whole("rounds", 10, "alternated rounds in which speeds are measured", 1),
    flags.number("seconds", None, "of training for each run, in place of an equal number of images", 1),
    flags.numbers("learning_rates", (), "factors on config.optimizer.learning_rate to try with each variant before", 0),
    flags.boolean(
        "layers", True, "whether the cost of each convolution that is compared, one layer alone, is measured too"
    ),
)


def compare(given, config):
    configs = variants.of_flags(config, given.variants, given.sweep, given.seeds)
    from experiments.comparison import compare as comparison  # flags are checked before TensorFlow is imported

    comparison.compare(configs, given.output, given.rounds, given.layers, given.seconds, given.learning_rates)


main = Command(compare, __doc__, FLAGS, takes_config=True, takes_ranks=True)
