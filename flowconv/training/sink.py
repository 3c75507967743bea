"""The contract of a sink: where a run shows its figures and pictures while it trains."""

from collections.abc import Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict

from flowconv.config import flatten
from flowconv.errors import UserError
from flowconv.evaluation import metrics_in
from flowconv.files import read_json, write_json
from flowconv.workdir import Workdir

Series = str  # whose figure it is: "train", "validation", "validation_ema", "test", "test_ema"


class Sink:
    """Where a run shows its figures and pictures: one file of `sinks/` each, found by its name.

    A figure is of a series and has a tag: bits_per_dim of train, and of validation_ema, the averaged weights. Its step
    is the number of training images seen. What fails with one of `errors` is given up in one line; the run goes on.

    Args:
      workdir: of the run.
      config: the run's.
      note: what is to be said of its bits/dim, or "".
    """

    title: str
    package: str  # that it needs
    errors: tuple[type[Exception], ...] = (Exception,)  # of somebody else's library

    def __init__(self, workdir: Workdir, config: ConfigDict, note: str = ""):
        raise NotImplementedError

    def start(self, images_seen: int) -> None:
        """Says that the run begins here, or goes on: what was written of this step and of later ones is void."""

    def scalars(self, images_seen: int, figures: Mapping[tuple[Series, str], float]) -> None:
        """Writes figures by series and tag."""

    def histogram(self, images_seen: int, tag: str, values: Sequence[float]) -> None:
        """Writes how values are distributed, at validation."""

    def image(self, images_seen: int, tag: str, image: np.ndarray, caption: str) -> None:
        """Writes one uint8 image `[H, W, C]`, drawn at validation."""

    def close(self, finished: bool) -> None:
        """Writes what isn't written yet; the run is finished, or stops here and may go on later."""


def labelled(phase: str, figures: Mapping[str, float]) -> dict[tuple[Series, str], float]:
    """Returns the figures of a phase by series and tag: those of several series that are one metric have one tag."""
    return {place(phase, name): value for name, value in figures.items()}


def place(phase: str, name: str) -> tuple[Series, str]:
    """Returns the series and the tag of a figure.

    In a list by name bits/dim come first, then the flow's health, means over steps, and what the test split has.
    """
    if "/" in name:
        return phase, name
    metric = metrics_in(phase).get(name)
    bare, series = name.removeprefix(f"{phase}_"), phase
    if metric and metric.weights == "ema":
        bare, series = bare.replace("_ema", "", 1), f"{phase}_ema"
    if bare == "bits_per_dim":
        return series, bare
    return series, f"{'steps' if phase == 'train' else phase}/{bare}"


def flat(series: Series, tag: str) -> str:
    """Returns one name of a figure, as for sinks that know no series: validation_ema/bits_per_dim."""
    return tag if tag.startswith("health/") else f"{series}/{tag.rpartition('/')[2]}"


def fields_of(config: ConfigDict) -> dict[str, bool | int | float | str]:
    """Returns the fields of a config by name, as plain values."""
    fields = dict(flatten(config))
    return {name: value if isinstance(value, bool | int | float) else str(value) for name, value in fields.items()}


def kept_id(workdir: Workdir, name: str) -> str | None:
    """Returns by which id a run is known to a sink that keeps it elsewhere; None before `keep_id`."""
    path = workdir.path / f"{name}.json"
    try:
        return str(read_json(path)["id"])
    except (UserError, KeyError, TypeError):
        return None


def keep_id(workdir: Workdir, name: str, id: str) -> None:
    """Keeps by which id a run is known to a sink, so that it goes on there.

    Raises:
      UserError: if it can't be written.
    """
    write_json(workdir.path / f"{name}.json", {"id": id})
