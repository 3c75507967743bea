"""Evaluates a finished run on its test split: bits/dim and reconstruction error, each image once; draws its pictures.

    python scripts/evaluate.py --workdir=runs/photos
    horovodrun -np 4 python scripts/evaluate.py --workdir=runs/cifar10
    python scripts/evaluate.py --workdir=runs/cifar10 --precision=bfloat16

The figures are the same for any number of processes and any batch size. They go to evaluation.json in the workdir.
"""

from absl import flags

from flowconv import command_line

WORKDIR = flags.DEFINE_string("workdir", None, "folder of the run")
DATA_DIR = flags.DEFINE_string("data_dir", None, "where the data are, if not where the run found them (data.dir)")
PRECISION = flags.DEFINE_string("precision", None, "float32, float64 or bfloat16, if not the run's (model.precision)")
BATCH_SIZE = flags.DEFINE_integer("batch_size", None, "images per process at a time, if not the run's")


def main():
    from flowconv.training.loop import evaluate

    given = {
        "data.dir": DATA_DIR.value,
        "evaluation.batch_size": BATCH_SIZE.value,
        "model.precision": PRECISION.value,
    }
    evaluate(WORKDIR.value, {name: value for name, value in given.items() if value is not None})


if __name__ == "__main__":
    command_line.run(main, __doc__)
