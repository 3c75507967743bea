"""Flags that several commands have."""

from dataclasses import replace

from flowconv.cli import flags
from flowconv.cli.flags import Flag, Parser
from flowconv.workdir import pretrained

WORKDIR = flags.path("workdir", None, "folder of the run")
MODEL = Flag(
    "model",
    None,
    "in place of --workdir: a trained flow that comes with the package",
    Parser(str, "a name", pretrained.names()),
)
DATA_DIR = replace(
    flags.path("data_dir", None, "where the data are, if not where the run found them (data.dir)"), field="data.dir"
)


def workdir(explanation: str) -> Flag:
    """Returns --workdir of a command that takes no finished run."""
    return replace(WORKDIR, explanation=explanation)


def output(explanation: str, default: str | None = None) -> Flag:
    """Returns --output: the file or folder of the results."""
    return flags.path("output", default, explanation)


def seed(explanation: str) -> Flag:
    """Returns --seed."""
    return flags.whole("seed", 0, explanation, *flags.SEEDS)


def images(explanation: str, name: str = "images") -> Flag:
    """Returns a flag that takes image files and folders of them, as `inference.load.read_images` reads them."""
    return flags.text(name, None, f"{explanation}: files or folders, with commas between them")


def batch_size(explanation: str) -> Flag:
    """Returns --batch_size."""
    return flags.whole("batch_size", None, explanation, 1)
