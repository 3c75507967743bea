"""Small runs of the programs, alone and under horovodrun."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

ROOT = Path(__file__).resolve().parents[1]
TINY = {
    "model.levels": 2,
    "model.depth": 2,
    "model.width": 8,
    "data.image_size": 16,
    "train.batch_size": 16,
    "train.initialization_images": 16,
    "train.images": 160,
    "train.evaluate_images": 10_000,
    "train.watchdog_seconds": 60,
    "optimizer.warmup_images": 32,
    "optimizer.schedule": "constant",
    "evaluation.batch_size": 128,
    "evaluation.samples": 4,
    "evaluation.temperatures": "(0.7,)",
}


def launch(script, *arguments, ranks=1, timeout=240):
    """Runs a program of the repository as a user would; returns the finished process."""
    command = [sys.executable, str(ROOT / script), *arguments]
    if ranks > 1:
        command = ["horovodrun", "--gloo", "-np", str(ranks), *command]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "TF_CPP_MIN_LOG_LEVEL": "2"}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=timeout)


def saved_variables(workdir, folder="checkpoints"):
    """Everything in the newest checkpoint of a run, by name."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(Path(workdir) / folder)))
    names = [name for name in reader.get_variable_to_shape_map() if ".ATTRIBUTES/VARIABLE_VALUE" in name]
    values = {name.split("/.ATTRIBUTES")[0]: reader.get_tensor(name) for name in names}
    return {name: np.asarray(value) for name, value in values.items() if not name.startswith("save_counter")}
