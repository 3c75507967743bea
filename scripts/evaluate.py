"""Evaluates a finished run on its test split: bits/dim and reconstruction error, each image once; draws its pictures.

    python scripts/evaluate.py --workdir=runs/photos
    horovodrun -np 4 python scripts/evaluate.py --workdir=runs/cifar10
    python scripts/evaluate.py --workdir=runs/cifar10 --precision=bfloat16
    python scripts/evaluate.py --workdir=runs/photos --samples=16

The figures are the same for any number of processes and any batch size. They go to evaluation.json in the workdir.
bits/dim are an upper bound, from one draw of the dequantization noise an image; --samples=k adds a tighter one, that
of the mean density of k draws (importance-weighted), which takes k times as long.
"""

from absl import flags

from flowconv import command_line
from flowconv.training.workdir import Workdir

WORKDIR = flags.DEFINE_string("workdir", None, "folder of the run")
DATA_DIR = flags.DEFINE_string("data_dir", None, "where the data are, if not where the run found them (data.dir)")
PRECISION = flags.DEFINE_string("precision", None, "float32, float64 or bfloat16, if not the run's (model.precision)")
BATCH_SIZE = flags.DEFINE_integer("batch_size", None, "images per process at a time, if not the run's")
SAMPLES = flags.DEFINE_integer("samples", 1, "draws of noise an image, for a tighter bound", 1)


def main():
    from flowconv.training.loop import evaluate

    given = {
        "data.dir": DATA_DIR.value,
        "evaluation.batch_size": BATCH_SIZE.value,
        "model.precision": PRECISION.value,
    }
    evaluate(WORKDIR.value, {name: value for name, value in given.items() if value is not None}, SAMPLES.value)


def precision() -> str:
    """Returns that of the flag, or the run's."""
    return PRECISION.value or Workdir(WORKDIR.value).load_config().model.precision


if __name__ == "__main__":
    command_line.run(main, __doc__, precision=precision)
