"""MLflow, wherever MLFLOW_TRACKING_URI says that it keeps runs."""

import os
import time
from collections.abc import Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict

from flowconv.data.crop import image_of
from flowconv.training.sink import Series, Sink, fields_of, flat, keep_id, kept_id
from flowconv.words import printable
from flowconv.workdir import Workdir

LONGEST = 250  # characters of a parameter that every version takes
MOST = 100  # parameters that are taken at a time


class MLflow(Sink):
    """A run of MLflow: parameters, metrics, and pictures as artifacts.

    Its experiment is MLFLOW_EXPERIMENT_NAME, or else "flowconv". A metric keeps all that was written to it, so steps
    that are trained again stand there twice.
    """

    title = "MLflow"
    package = "mlflow"

    def __init__(self, workdir: Workdir, config: ConfigDict, note: str = ""):
        import mlflow

        self._mlflow, self._client = mlflow, mlflow.MlflowClient()
        found = kept_id(workdir, "mlflow")
        self._id = found or self._client.create_run(self._experiment(), run_name=printable(workdir.name)).info.run_id
        keep_id(workdir, "mlflow", self._id)
        self._client.update_run(self._id, status="RUNNING")
        if note:
            self._client.set_tag(self._id, "mlflow.note.content", note)
        if not found:
            params = [mlflow.entities.Param(name, str(each)[:LONGEST]) for name, each in fields_of(config).items()]
            for first in range(0, len(params), MOST):
                self._client.log_batch(self._id, params=params[first : first + MOST])

    def _experiment(self):
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "flowconv")
        found = self._client.get_experiment_by_name(name)
        return found.experiment_id if found else self._client.create_experiment(name)

    def scalars(self, images_seen: int, figures: Mapping[tuple[Series, str], float]) -> None:
        now = int(time.time() * 1000)
        metric = self._mlflow.entities.Metric
        metrics = [metric(flat(*place), float(value), now, images_seen) for place, value in figures.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def histogram(self, images_seen: int, tag: str, values: Sequence[float]) -> None:
        """Writes the median: MLflow has no histograms, and among the scalars is the worst."""
        self.scalars(images_seen, {("validation", f"{tag}_median"): float(np.median(values))})

    def image(self, images_seen: int, tag: str, image: np.ndarray, caption: str) -> None:
        self._client.log_image(self._id, image_of(image), artifact_file=f"{tag}/{images_seen:09}.png")

    def close(self, finished: bool) -> None:
        self._client.set_terminated(self._id, "FINISHED" if finished else "KILLED")
