"""An evaluation of a hundred times the watchdog's seconds; with STUCK=1, the last rank stops for ever in it."""

import os
import tempfile
import time

import numpy as np
import tensorflow as tf

from flowconv import distributed
from flowconv.data import ImageData
from flowconv.training.run import Run
from flowconv.workdir import Workdir
from tests.runs import config_of

distributed.initialize()
random = np.random.default_rng(0)
splits = {
    name: random.integers(0, 256, (50 * distributed.size(), 8, 8, 3), np.uint8) for name in ("validation", "train")
}
config = config_of(**{"data.image_size": 8, "model.levels": 1, "model.depth": 1, "evaluation.batch_size": 1})
images = ImageData("", "", "", "", splits)
run = Run(config, Workdir(tempfile.mkdtemp()), images)
run._initialize()
run.evaluator.bits_per_dim(images.examples("validation"))  # traces
started = time.monotonic()
run.evaluator.bits_per_dim(images.examples("validation"))
a_batch = (time.monotonic() - started) / 50  # which a busy machine takes long for
seconds = float(distributed.maximum(tf.constant(max(0.5, 4.0 * a_batch))))
run.watchdog.stop()
run.stopper._watchdog = distributed.Watchdog(seconds)
# Less than the evaluation takes, and more than a busy machine may halt a process for.
run.stopper._watchdog.patient_seconds = 40.0 * seconds
batches = []


def wait(advance=run.evaluator.between):
    batches.append(True)
    stuck() if len(batches) == 20 and os.environ.get("STUCK") and distributed.rank() == distributed.size() - 1 else None
    time.sleep(2.0 * seconds if distributed.is_root() else 0.0)
    advance()


def stuck():
    time.sleep(1e6)


run.evaluator.between = wait
run.evaluator.bits_per_dim(images.examples("validation"))
assert len(batches) == 50
run.stopper._watchdog.stop()  # as a run's end does: what comes after may take long
print("passed")
