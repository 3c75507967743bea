"""The part of Horovod that one process uses, where Horovod can't be imported."""

import os
import shlex
import shutil
import sys

from flowconv import launchers
from flowconv.distributed import elastic
from flowconv.errors import UserError

# Those of scripts/install.sh.
PACKAGES = "'setuptools==80.8.0' wheel packaging 'cmake==3.27.9'"
SWITCHES = (
    "HOROVOD_WITH_TENSORFLOW=1",
    "HOROVOD_WITH_GLOO=1",
    "HOROVOD_WITHOUT_PYTORCH=1",
    "HOROVOD_WITHOUT_MXNET=1",
)
NCCL = "HOROVOD_GPU_OPERATIONS=NCCL"
HEADER = "CXXFLAGS='-include cstdint'"  # Gloo forgot it


class HorovodInternalError(RuntimeError):
    """An exchange that failed: never, where nothing is exchanged."""


def commands() -> str:
    """Returns the line that has pip build Horovod here, against the TensorFlow of this Python."""
    pip = f"{shlex.quote(sys.executable)} -m pip install"
    switches = " ".join([*SWITCHES, *([NCCL] if shutil.which("nvcc") else []), HEADER])
    return f"{pip} {PACKAGES} && {switches} {pip} --no-build-isolation --no-binary horovod horovod==0.28.1"


def init() -> None:
    """Looks whether this process is alone.

    Raises:
      UserError: if a launcher started it as one of several.
    """
    name, number = launchers.started_with() or ("HOROVOD_SIZE", int(os.environ.get("HOROVOD_SIZE", "1")))
    if number > 1 or elastic.is_elastic():
        raise UserError(
            f"{name}={number}: more than one rank needs Horovod, which can't be imported here: {commands()} "
            f"(or unset {name} if this is the only one)"
        )


def rank() -> int:
    """The first one."""
    return 0


def size() -> int:
    """One."""
    return 1


local_rank, local_size = rank, size


def gloo_built() -> bool:
    """No library for exchanges is there."""
    return False


mpi_built = nccl_built = gloo_built
