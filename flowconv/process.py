"""How a process of this program runs; all of it must be said before TensorFlow is imported."""

import ctypes
import gc
import os

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGE = 2**30  # bytes; what is smaller stays with the process


def prepare() -> None:
    """Sets all of this up."""
    quiet_libraries()
    collect_garbage_seldom()
    keep_freed_memory()


def quiet_libraries() -> None:
    """Keeps TensorFlow's and XLA's chatter out of the output, unless the environment asks for it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def collect_garbage_seldom() -> None:
    """Has Python look for garbage at every 50,000th new object.

    Importing TensorFlow and tracing make many objects and keep all; looking through them again and again took more
    than a second of a start.
    """
    gc.set_threshold(50_000)


def keep_freed_memory() -> None:
    """Has what a training step frees wait for the next step, in one heap of all threads; without glibc, nothing.

    A step asks for the same tensors again and again. By default those of 128 kB and more come from the system and go
    back to it, a page at a time (a quarter of the CPU time of a deep model's step), and each thread hoards a heap of
    its own, which adds to the peak.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, LARGE)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
