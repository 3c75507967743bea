"""Weights & Biases."""

import secrets
from collections.abc import Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict

from flowconv.data.crop import image_of
from flowconv.training.sink import Series, Sink, fields_of, flat, keep_id, kept_id
from flowconv.words import printable
from flowconv.workdir import Workdir


class WeightsAndBiases(Sink):
    """A run of Weights & Biases, of the project WANDB_PROJECT; WANDB_MODE=offline keeps it on this machine."""

    title = "Weights & Biases"
    package = "wandb"

    def __init__(self, workdir: Workdir, config: ConfigDict, note: str = ""):
        import wandb

        self._wandb = wandb
        id = kept_id(workdir, "wandb") or secrets.token_hex(8)
        keep_id(workdir, "wandb", id)
        name, folder, fields = printable(workdir.name), str(workdir.path), fields_of(config)
        self._run = wandb.init(id=id, resume="allow", name=name, dir=folder, config=fields, notes=note or None)
        self._run.define_metric("images_seen")
        self._run.define_metric("*", step_metric="images_seen")

    def scalars(self, images_seen: int, figures: Mapping[tuple[Series, str], float]) -> None:
        self._log(images_seen, {flat(*place): value for place, value in figures.items()})

    def histogram(self, images_seen: int, tag: str, values: Sequence[float]) -> None:
        finite = np.asarray(values)[np.isfinite(values)]
        if finite.size:
            self._log(images_seen, {tag: self._wandb.Histogram(finite)})

    def image(self, images_seen: int, tag: str, image: np.ndarray, caption: str) -> None:
        self._log(images_seen, {tag: self._wandb.Image(image_of(image), caption=caption)})

    def close(self, finished: bool) -> None:
        self._run.finish(exit_code=0 if finished else 1)

    def _log(self, images_seen, values):
        self._run.log({**values, "images_seen": images_seen})
