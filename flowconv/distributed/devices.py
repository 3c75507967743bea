"""The GPU, or the cores, of each worker of a machine."""

import contextlib
import os
import socket

import tensorflow as tf

from flowconv.errors import UserError
from flowconv.words import counted

MAX_SLICES = 4  # of a batch, one a core


def configure(local_rank: int, local_size: int, images: int | None = None) -> None:
    """Gives this worker a GPU of its own, or its share of the cores; must come before any TensorFlow operation.

    Args:
      local_rank: this worker's number on its machine.
      local_size: the number of workers there.
      images: how many this worker computes with at a time (default: many). If they are as many as its cores and these
        are few, each core computes with images of its own (`flowconv.ops.batch_parallel`).

    Raises:
      UserError: if the machine has fewer GPUs than workers.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        if local_rank >= len(gpus):
            there = counted(len(gpus), "GPU")
            raise UserError(f"{local_size} ranks share this machine's {there}: start one a GPU (-np)")
        # In a program where TensorFlow has computed already its devices stay as they are; ranks must not share one.
        with contextlib.suppress(*([RuntimeError] if local_size == 1 else [])):
            tf.config.set_visible_devices(gpus[local_rank], "GPU")
            tf.config.experimental.set_memory_growth(gpus[local_rank], True)
    else:
        share = max(1, len(os.sched_getaffinity(0)) // local_size)
        few = share <= MAX_SLICES and (images is None or images >= share)
        with contextlib.suppress(RuntimeError):  # in a program where TensorFlow has computed already, its threads stay
            tf.config.threading.set_intra_op_parallelism_threads(1 if few else share)
            tf.config.threading.set_inter_op_parallelism_threads(share)


def uses_gpu() -> bool:
    """Returns whether this worker computes on a GPU."""
    return bool(tf.config.get_visible_devices("GPU"))


def device_name() -> str:
    """Returns the GPU, or the number of cores, that this worker computes on, and its machine."""
    name = socket.gethostname()
    gpus = tf.config.get_visible_devices("GPU")
    if gpus:
        return f"{gpus[0].name.rsplit('/')[-1]} of {name}"
    # As `configure` has it, batches are computed side by side or operations in parts: these are its cores either way.
    share = tf.config.threading.get_inter_op_parallelism_threads() or len(os.sched_getaffinity(0))
    return f"{share} of {counted(os.cpu_count() or share, 'core')} of {name}"
