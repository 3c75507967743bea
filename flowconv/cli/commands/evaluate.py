"""Evaluates a finished run on its test split: bits/dim and reconstruction error, each image once; draws its pictures.

    python scripts/evaluate.py --workdir=runs/photos
    horovodrun -np 4 python scripts/evaluate.py --workdir=runs/cifar10
    python scripts/evaluate.py --workdir=runs/cifar10 --precision=bfloat16
    python scripts/evaluate.py --workdir=runs/photos --samples=16
    python scripts/evaluate.py --workdir=runs/photos --compared=2000
    python scripts/evaluate.py --workdir=/somebody/elses/run --output=evaluation

The figures are the same for any number of processes and any batch size. They go to evaluation.json in the workdir.
bits/dim are an upper bound, from one draw of the dequantization noise an image. --samples=k adds a tighter one, that
of the mean density of k draws (importance-weighted). It takes k times as long. Of a residual flow bits/dim are
estimates: the mean over k draws, two at least, with its standard error.

--compared=N draws N samples at temperature 1 and compares them with N test images, as sets of features. The kernel
distance is that of KID, 0 in the mean of equal distributions. Precision is the share of samples that are like images,
recall that of images that are like samples. Features are those of a network with random weights, which is the same
everywhere and needs no download: figures are not comparable with those of Inception's features.

A run with model.condition=class is evaluated with labels and, --noclassify aside, without them: p(x) is the mean of
p(x | class) over the classes, and Bayes' rule tells the class of an image. That takes a pass for each class.
"""

from dataclasses import replace

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command
from flowconv.config import SETTINGS
from flowconv.errors import UserError
from flowconv.workdir import pretrained

FLAGS = (
    shared_flags.WORKDIR,
    shared_flags.MODEL,
    shared_flags.DATA_DIR,
    replace(
        flags.choice("precision", None, "if not the run's (model.precision)", SETTINGS["model.precision"].names),
        field="model.precision",
    ),
    replace(shared_flags.batch_size("images per process at a time, if not the run's"), field="evaluation.batch_size"),
    replace(
        flags.boolean("classify", None, "given classes, also without labels, if not as the run's"),
        field="evaluation.classify",
    ),
    flags.whole("samples", 1, "draws of noise an image, for a tighter bound", 1),
    flags.whole("compared", 0, "samples that are compared with as many test images", 0),
    shared_flags.output("folder for evaluation.json and pictures/ (default: the workdir)"),
)


def evaluate(given):
    workdir = pretrained.chosen(given.workdir, given.model)
    condition = workdir.load_config().model.condition
    if given.classify is not None and condition != "class":
        flag = "--classify" if given.classify else "--noclassify"
        raise UserError(f"{flag}: is used with runs of model.condition=class, not {condition}")
    from flowconv.training import train as training  # flags are checked before TensorFlow is imported

    chosen = {flag.field: getattr(given, flag.name) for flag in FLAGS if flag.field}
    chosen = {field: value for field, value in chosen.items() if value is not None}
    training.evaluate(workdir, chosen, given.samples, given.output, given.compared)


def precision(given) -> str:
    """Returns that of the flag, or the run's."""
    return given.precision or pretrained.chosen(given.workdir, given.model).load_config().model.precision


main = Command(evaluate, __doc__, FLAGS, takes_ranks=True, precision=precision)
