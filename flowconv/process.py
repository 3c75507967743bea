"""How a process of this program runs; all of it must be said before TensorFlow is imported."""

import ctypes
import gc
import os

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
KERNELS = "TF_ENABLE_ONEDNN_OPTS"  # oneDNN's or TensorFlow's own
LARGE = 2**30  # bytes; what is smaller stays with the process


def prepare(precision: str | None = "float32") -> None:
    """Sets all of this up, for networks that compute in this precision; None: other processes have them."""
    quiet_libraries()
    choose_kernels(precision)
    collect_garbage_seldom()
    keep_freed_memory()


def quiet_libraries() -> None:
    """Keeps TensorFlow's and XLA's chatter out of the output, unless the environment asks for it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def choose_kernels(precision: str | None) -> None:
    """Has TensorFlow compute by its own kernels, unless the networks compute in "bfloat16", or the user said otherwise.

    Left alone, it takes oneDNN's where a processor has instructions for small numbers (AVX-512 VNNI, AMX): they make
    bfloat16 seven times as fast there. In float32 they are no faster than what this program computes (10 % slower at
    width 512), a start takes three seconds longer, and a run would give other last digits on other processors.
    """
    if precision not in ("bfloat16", None):
        os.environ.setdefault(KERNELS, "0")


def collect_garbage_seldom() -> None:
    """Has Python look for garbage at every 50,000th new object.

    Importing TensorFlow and tracing make many objects and keep all; looking through them again and again took more
    than a second of a start.
    """
    gc.set_threshold(50_000)


def keep_freed_memory() -> None:
    """Has TensorFlow keep what a training step frees for the next step, in an allocator of its own.

    A step asks for the same tensors again and again. By default large ones come from the system and go back to it, page
    by page (a quarter of the CPU time of a deep model's step). TensorFlow's allocator joins what is free again better
    than the C library's would; that one keeps what it has, too (convolutions take their scratch space there), in one
    heap instead of one for each thread, which hoard.
    """
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
    megabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    os.environ.setdefault("TF_CPU_BFC_MEM_LIMIT_IN_MB", str(megabytes))  # 64 GB otherwise
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # of glibc
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, LARGE)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
