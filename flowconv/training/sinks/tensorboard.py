"""TensorBoard's files in the workdir."""

import os
import time
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict
from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.hparams import api as hparams

from flowconv.config import SETTINGS, flatten
from flowconv.config.parts import DEQUANTIZATIONS
from flowconv.errors import UserError
from flowconv.evaluation import metrics_in
from flowconv.evaluation.health import MEANINGS
from flowconv.ops.summary import write_event
from flowconv.training.sink import Series, Sink, fields_of, place
from flowconv.words import printable
from flowconv.workdir import Workdir

BITS = "bits/dim"
COMPARED = ("model.", "optimizer.", "data.", "seed", "train.batch_size", "train.images", "train.ema_decay")
LEFT_OUT = ("data.dir", "data.cache_dir")  # where files lie changes no result
SCORES = {
    "validation": "validation, raw weights",
    "validation_ema": "validation, averaged weights",
    "test": "test, raw weights",
    "test_ema": "test, averaged weights",
}


class TensorBoard(Sink):
    """Files for `tensorboard --logdir=runs`, one folder a series: figures of one tag stand in one chart."""

    title = "TensorBoard"
    package = "tensorboard"
    errors = (UserError, OSError, tf.errors.OpError)

    def __init__(self, workdir: Workdir, config: ConfigDict, note: str = ""):
        self._path = workdir.tensorboard
        self._start = 0
        self._writers: dict[str, tf.summary.SummaryWriter] = {}
        self._writer("")
        self._name, self._config = printable(workdir.name), config
        unit = DEQUANTIZATIONS.part(config.model.dequantization).training_unit
        self._descriptions = _descriptions(note, unit)

    def start(self, images_seen: int) -> None:
        """Has TensorBoard drop what was written of this step and of later ones, of every series."""
        self._start = images_seen
        for series in sorted({*self._writers, *(path.name for path in self._path.iterdir() if path.is_dir())}):
            if series in self._writers:
                self._begin(self._writers[series])
            else:
                self._writer(series)
        with self._writer("").as_default(step=0):
            self._describe()

    def scalars(self, images_seen: int, figures: Mapping[tuple[Series, str], float]) -> None:
        for (series, tag), value in figures.items():
            with self._writer(series).as_default(step=images_seen):
                tf.summary.scalar(tag, value, description=self._descriptions.get(tag))

    def histogram(self, images_seen: int, tag: str, values: Sequence[float]) -> None:
        finite = np.asarray(values)[np.isfinite(values)]
        if finite.size:
            with self._writer("validation").as_default(step=images_seen):
                tf.summary.histogram(tag, finite, description=self._descriptions.get(tag))

    def image(self, images_seen: int, tag: str, image: np.ndarray, caption: str) -> None:
        with self._writer("validation").as_default(step=images_seen):
            tf.summary.image(tag, image[None], description=caption)
        self._writers["validation"].flush()

    def close(self, finished: bool) -> None:
        for writer in self._writers.values():
            writer.flush()

    def _writer(self, series):
        if series not in self._writers:
            path = self._path / series
            self._writers[series] = tf.summary.create_file_writer(os.fsencode(path))  # a name need not be UTF-8
            if series:
                self._begin(self._writers[series])
        return self._writers[series]

    def _begin(self, writer):
        log = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        event = event_pb2.Event(wall_time=time.time(), step=self._start, session_log=log)
        write_event(writer, event.SerializeToString())

    def _describe(self):
        """Writes what runs are compared by, for the table of runs side by side, and the whole config as text."""
        fields = fields_of(self._config)
        ordered = [name for name in (*SETTINGS, *fields) if name in fields and name not in LEFT_OUT]
        compared = list(dict.fromkeys(name for group in COMPARED for name in ordered if name.startswith(group)))
        metrics = [hparams.Metric("bits_per_dim", group=group, display_name=name) for group, name in SCORES.items()]
        hparams.hparams_config(hparams=[hparams.HParam(name) for name in compared], metrics=metrics)
        hparams.hparams({name: fields[name] for name in compared}, trial_id=self._name)
        rows = [f"| {name} | `{printable(repr(value))}` |" for name, value in flatten(self._config)]
        table = "\n".join(["| field | value |", "|---|---|", *rows])
        tf.summary.text("config", table, description=f"The config of {self._name}")


def _descriptions(note, training_unit):
    """Each tag in words; the note is about bits/dim, the unit that of the loss of training."""
    said = {f"health/{name}": meaning for name, meaning in MEANINGS.items()}
    for phase in ("test", "validation", "train"):
        for name, metric in metrics_in(phase).items():
            unit = training_unit if phase == "train" and metric.unit == BITS else metric.unit
            better = f"; {metric.better} is better" if metric.better else ""
            measured_in = f", in {unit}" if unit and unit not in metric.title else ""
            said[place(phase, name)[1]] = f"{metric.title.strip()}{measured_in}{better}"
    training = "training batches, and of " if training_unit == BITS else ""  # of noisy images is another figure
    said["bits_per_dim"] = (
        f"{BITS} of {training}the validation and the test split with the raw weights and with their "
        "moving average (ema); lower is better" + (f"; {note}" if note else "")
    )
    said["steps/seconds"] = "seconds of training steps so far"
    return said
