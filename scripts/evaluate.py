"""Evaluates a finished run on its test split: bits/dim and reconstruction error, each image once; draws its pictures.

    python scripts/evaluate.py --workdir=runs/photos
    horovodrun -np 4 python scripts/evaluate.py --workdir=runs/cifar10
    python scripts/evaluate.py --workdir=runs/cifar10 --precision=bfloat16
    python scripts/evaluate.py --workdir=runs/photos --samples=16
    python scripts/evaluate.py --workdir=/somebody/elses/run --output=evaluation

The figures are the same for any number of processes and any batch size. They go to evaluation.json in the workdir.
bits/dim are an upper bound, from one draw of the dequantization noise an image; --samples=k adds a tighter one, that
of the mean density of k draws (importance-weighted), which takes k times as long.
"""

try:
    from flowconv import command_line, configuration, flags
    from flowconv.training.workdir import Workdir
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

WORKDIR = flags.workdir()
DATA_DIR = flags.data_dir()
PRECISION = flags.choice(
    "precision", None, "if not the run's (model.precision)", configuration.CHOICES["model.precision"]
)
BATCH_SIZE = flags.whole("batch_size", None, "images per process at a time, if not the run's", 1)
SAMPLES = flags.whole("samples", 1, "draws of noise an image, for a tighter bound", 1)
OUTPUT = flags.path("output", None, "folder for evaluation.json and pictures/ (default: the workdir)")


FIELDS = {"data.dir": DATA_DIR, "model.precision": PRECISION, "evaluation.batch_size": BATCH_SIZE}


def main():
    from flowconv.training.loop import evaluate

    given = {field: flag.value for field, flag in FIELDS.items() if flag.value is not None}
    evaluate(WORKDIR.value, given, SAMPLES.value, OUTPUT.value)


def precision() -> str:
    """Returns that of the flag, or the run's."""
    return PRECISION.value or Workdir(WORKDIR.value).load_config().model.precision


if __name__ == "__main__":
    command_line.run(main, __doc__, precision=precision, fields={field: flag.name for field, flag in FIELDS.items()})
