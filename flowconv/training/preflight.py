"""What can be told before a run starts, on every worker, and ended in a line instead of a hang or a crash."""

import contextlib
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import psutil
import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import data
from flowconv.config import images_per_rank, validate
from flowconv.errors import UserError
from flowconv.training import distributed, network
from flowconv.training.cgroups import memory_limit
from flowconv.training.checkpoints import saved_architecture
from flowconv.training.metrics import say
from flowconv.training.report import versions
from flowconv.training.workdir import Workdir
from flowconv.words import counted

COPIES = 4  # of the weights in memory: themselves, gradients, the optimizer's two slots; and the average, if kept
SAVED_COPIES = 3  # in a checkpoint, without the gradients
RECORDS_BYTES = 10e6  # of pictures, TensorBoard, and what checkpoints have beside numbers
PROCESS_BYTES = 0.8e9  # of TensorFlow and Horovod without a model
SHARED_MEMORY = 64 * 2**20  # bytes in /dev/shm, which NCCL and MPI exchange through on one machine
GIGABYTE = 1e9
LAUNCHERS = {  # variables that tell the number of processes; the second one is there in each of them alone
    "OMPI_COMM_WORLD_SIZE": None,
    "PMI_SIZE": None,
    "PMIX_SIZE": None,
    "MV2_COMM_WORLD_SIZE": None,
    "SLURM_STEP_NUM_TASKS": "SLURM_PROCID",
    "SLURM_NTASKS": "SLURM_PROCID",
}


@dataclass(frozen=True)
class Row:
    """One thing that was looked at.

    Attributes:
      name: of it.
      found: what there is, or the line that says what is wrong.
      wrong: whether a run can't go with that.
    """

    name: str
    found: str
    wrong: bool = False


def examine(config: ConfigDict, workdir: Workdir) -> list[Row]:
    """Returns what this worker finds, in a second or so; nothing is downloaded, built or written.

    The first worker alone looks at the workdir and its disk.
    """
    rows = [
        Row("versions", ", ".join(f"{name} {version}" for name, version in versions().items())),
        _checked("config", lambda: _config(config)),
        Row("device", distributed.device()),
        _checked("exchange", _exchange),
        _checked("network", network.check),
        _shared_memory(),
        _checked("data", lambda: _data(config)),
        _memory(config),
    ]
    if distributed.is_root():
        rows += [_checked("workdir", lambda: _workdir(config, workdir)), _disk(config, workdir.path)]
    return rows


def check(config: ConfigDict, workdir: Workdir) -> None:
    """Ends all workers if one of them finds something that a run can't go with.

    Raises:
      UserError: with the first such row, on every worker.
    """
    bad = [row.found for row in examine(config, workdir) if row.wrong]
    distributed.everywhere(lambda: _raise(bad[0] if bad else ""))
    if distributed.is_root() and (line := network.announcement()):
        say(line)


@contextlib.contextmanager
def alone(workdir: Workdir) -> Iterator[None]:
    """Within it, this job alone may change what is in the workdir, which the first worker makes.

    Raises:
      UserError: on every worker, if the folder can't be written, or is another job's.
    """
    with contextlib.ExitStack() as held:
        distributed.everywhere(lambda: held.enter_context(workdir.alone()) if distributed.is_root() else None)
        yield


def agree(config: ConfigDict, images: data.ImageData) -> None:
    """Makes sure, in one exchange, that all workers are about to do the same.

    Raises:
      UserError: naming what differs, and on which ranks.
    """
    everyone = distributed.gather(
        {
            "versions": json.dumps(versions()),
            "the config": json.dumps(config.to_dict(), sort_keys=True),
            "the images' fingerprint": images.fingerprint,
            "the number of training images": str(len(images.splits["train"])),
        }
    )
    _compare(everyone, "install the same everywhere, give all ranks the same flags, and the same data")


def agree_on_variables(variables: list[tf.Variable]) -> None:
    """Makes sure that a broadcast of these will find the same number, shapes and dtypes on all workers.

    Raises:
      UserError: if it would not, on every worker.
    """
    text = "; ".join(f"{variable.shape} {variable.dtype}" for variable in variables)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    _compare(
        distributed.gather({"the model's variables": f"{len(variables)} ({digest})"}), "use one version everywhere"
    )


def agree_on_values(variables: list[tf.Variable]) -> None:
    """Makes sure that these have the same values, bit for bit, on all workers.

    Raises:
      UserError: if they have not, on every worker.
    """
    if distributed.size() > 1:
        checksum = 0
        for variable in variables:
            checksum = zlib.crc32(np.ascontiguousarray(variable.numpy()).tobytes(), checksum)
        _compare(distributed.gather({"the weights' checksum": f"{checksum:08x}"}), "the exchange is at fault")


def approximate_parameters(config: ConfigDict) -> int:
    """Returns about how many trainable numbers the model has: those of its coupling networks, nearly all there are."""
    model, count = config.model, 0
    for level in range(model.levels):
        channels = 12 * 2**level
        outputs = channels if model.coupling == "affine" else channels // 2
        count += model.depth * (9 * (channels // 2 + 1) * model.width + model.width**2 + 9 * model.width * outputs)
    return count


def approximate_bytes(config: ConfigDict) -> float:
    """Returns about how much memory a worker's training takes, from measurements (docs/explanation/performance.md)."""
    model = config.model
    number = 8 if model.precision == "float64" else 4
    hidden = (config.data.image_size // 2) ** 2 * model.width * number  # of one layer, at the first level, an image
    # With "store", each step keeps two and a half of these; the levels together 4/3 of the first one.
    kept = {"invert": 0.0, "recompute": 0.1, "store": 2.5}[model.backward] * model.depth * 4 / 3
    return (
        PROCESS_BYTES
        + (COPIES + _averages(config)) * number * approximate_parameters(config)
        + ((11 + kept) * hidden * config.train.batch_size)
    )


def _averages(config):
    return int(config.train.ema_decay > 0.0)


def _config(config):
    validate(config)
    return f"{config.model.name}, L {config.model.levels}, K {config.model.depth}, width {config.model.width}, " + (
        f"about {approximate_parameters(config) / 1e6:.1f} million parameters; "
        f"{counted(images_per_rank(config) * distributed.size(), 'image')} a step"
    )


def _exchange():
    """Processes that a launcher started together, and that don't know of each other, would train a model each."""
    libraries = ", ".join(distributed.libraries())
    if distributed.size() == 1 and "HOROVOD_RANK" not in os.environ:
        for name, rank in LAUNCHERS.items():
            number = os.environ.get(name, "")
            if number.isdigit() and int(number) > 1 and (rank is None or rank in os.environ):
                raise UserError(
                    f"{name}={number}: a launcher started {number} processes, of which Horovod, built with "
                    f"{libraries}, sees 1: start them with horovodrun --gloo -np {number}, "
                    f"or unset {name} if this is the only one"
                )
    return f"{counted(distributed.size(), 'rank')}; Horovod has {libraries}"


def _data(config):
    known = data.check(config.data)
    return f"{config.data.name} at {config.data.image_size}×{config.data.image_size}{known and f', {known}'}"


def _workdir(config, workdir):
    workdir.check(config)
    there = saved_architecture(workdir.checkpoints)
    if there:
        workdir.compare(there, config)
    elif there is not None and not workdir.config.exists():
        raise UserError(
            f"{workdir.flag}={workdir.path}: holds checkpoints, and no config.json that tells of which model: "
            f"put it back, or choose another workdir"
        )
    return f"{workdir.path}, {'a run to go on with' if workdir.config.exists() else 'no run yet'}"


def _memory(config):
    needed = approximate_bytes(config)
    there = min(psutil.virtual_memory().total, memory_limit()) / distributed.local_size()
    found = f"about {needed / GIGABYTE:.1f} GB of {there / GIGABYTE:.1f} GB a rank"
    if distributed.uses_gpu() or needed <= there:
        return Row("memory", found)
    batch, backward = config.train.batch_size, config.model.backward
    cure = "take a smaller batch" + ("" if backward == "invert" else ", or --config.model.backward=invert")
    line = f"--config.train.batch_size={batch} with model.backward={backward} takes {found}: {cure}"
    return Row("memory", line, wrong=True)


def _disk(config, path):
    copies = 4 * (SAVED_COPIES + _averages(config))  # in the two newest checkpoints, the best, and one being written
    number = 8 if config.model.precision == "float64" else 4
    needed = RECORDS_BYTES + copies * number * approximate_parameters(config)
    try:
        while not path.exists():
            path = path.parent
        free = shutil.disk_usage(path).free
    except OSError as error:
        return Row("disk", f"--workdir={path}: {error.strerror}: choose another folder", wrong=True)
    found = f"{free / GIGABYTE:.1f} GB free, checkpoints take about {needed / GIGABYTE:.2f} GB"
    if needed <= free:
        return Row("disk", found)
    return Row("disk", f"--workdir={path}: {found}: free some space there, or choose another folder", wrong=True)


def _shared_memory():
    try:
        size = shutil.disk_usage("/dev/shm").total
    except OSError:
        return Row("shared memory", "none")
    found = f"{size / GIGABYTE:.2f} GB in /dev/shm"
    if distributed.local_size() > 1 and distributed.uses_gpu() and size < SHARED_MEMORY:
        return Row("shared memory", f"{found}: start the container with --shm-size=1g", wrong=True)
    return Row("shared memory", found)


def _checked(name: str, look: Callable[[], str]) -> Row:
    try:
        return Row(name, look())
    except UserError as error:
        return Row(name, str(error), wrong=True)


def _raise(message):
    if message:
        raise UserError(message)


def _compare(everyone, cure):
    for name, first in everyone[0].items():
        for rank, theirs in enumerate(everyone):
            if theirs[name] != first:
                raise UserError(f"ranks 0 and {rank} differ in {name}: {_where(first, theirs[name])}: {cure}")


def _where(one, other):
    """The two, or from where they differ."""
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    start = max(0, same - 30)
    return f"{one[start : start + 80]} and {other[start : start + 80]}"
