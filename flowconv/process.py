"""How a process of this program runs; all of it must be said before TensorFlow is imported."""

import atexit
import contextlib
import ctypes
import fcntl
import gc
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
KERNELS = "TF_ENABLE_ONEDNN_OPTS"  # oneDNN's or TensorFlow's own
LARGE = 2**30  # bytes; what is smaller stays with the process
TEMPORARY = ".flowconv-temporary-"  # begins the names of folders that processes have to themselves


def prepare(precision: str | None = "float32") -> None:
    """Sets all of this up, for networks that compute in this precision; None: other processes have them."""
    quiet_libraries()
    choose_kernels(precision)
    collect_garbage_seldom()
    keep_freed_memory()
    keep_temporary_files_together()


def quiet_libraries() -> None:
    """Keeps TensorFlow's and XLA's chatter out of the output, unless the environment asks for it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Whatever the user has set for other programs, in the environment or in keras.json.
    os.environ |= {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": os.devnull}


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


def forgive_output() -> None:
    """Has nothing that is printed end the process: what can't be written is left out, what can't be shown replaced.

    So a run goes on when its reader has gone (`| head`), the disk that its output goes to is full, its output is
    closed, or a terminal knows ASCII alone.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # files would take the numbers of closed streams
        pass
    os.close(descriptor)
    for number, name, errors in ((1, "stdout", "replace"), (2, "stderr", "backslashreplace")):
        stream = getattr(sys, f"__{name}__")
        if getattr(sys, name) is stream:  # and nobody reads along, as a test does
            stream = io.TextIOWrapper(
                io.BufferedWriter(_Forgiving(number, "w", closefd=False)),
                encoding=stream.encoding if stream else "utf-8",
                errors=errors,
                line_buffering=stream.line_buffering if stream else True,
                write_through=stream.write_through if stream else False,
            )
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


class _Forgiving(io.FileIO):
    """A file that takes all that it is given."""

    def write(self, data) -> int:
        with contextlib.suppress(OSError):
            return super().write(data) or len(data)
        return len(data)


def keep_temporary_files_together() -> None:
    """Gives this process a folder for temporary files, which goes with it, and removes those of processes that ended.

    tensorflow_datasets leaves a folder behind at each start, and AutoGraph a file in each process that is stopped.
    """
    with contextlib.suppress(OSError):  # without room, or locks: as it was
        around = Path(tempfile.gettempdir())
        for folder in around.glob(f"{TEMPORARY}*"):
            if (lock := _lock(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)
        folder = Path(tempfile.mkdtemp(prefix=".flowconv-new-"))  # by its name nobody's to remove, until it is locked
        _lock(folder)  # for as long as the process lives
        tempfile.tempdir = str(folder.rename(around / (TEMPORARY + folder.name.rpartition("-")[2])))
        atexit.register(remove_temporary_files)


def _lock(folder: Path) -> int | None:
    """Returns a descriptor that holds a folder's lock; None if another process does, or it belongs to another user."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError:
            os.close(descriptor)
    return None


def remove_temporary_files() -> None:
    """Removes this process' folder of temporary files."""
    if tempfile.tempdir and Path(tempfile.tempdir).name.startswith(TEMPORARY):
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)


def leave(status: int) -> None:
    """Ends this process at once, without waiting for other ranks, as Horovod does at exit."""
    sys.stdout.flush()
    sys.stderr.flush()
    remove_temporary_files()
    os._exit(status)
