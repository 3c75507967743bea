"""Checks of all that a run needs, before anything is built: a line instead of a hang or a crash."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import psutil
from ml_collections import ConfigDict

from flowconv import data, distributed, launchers
from flowconv.config import backward_of, flatten, image_shape, images_per_rank, refusal_to_invert, sinks_of
from flowconv.config.parts import MODELS, SINKS
from flowconv.distributed import one_process
from flowconv.errors import UserError
from flowconv.preflight import rendezvous
from flowconv.preflight.cgroups import memory_limit
from flowconv.preflight.estimates import checkpoint_bytes, count_parameters, training_bytes
from flowconv.utils.console import say
from flowconv.utils.versions import versions
from flowconv.words import counted
from flowconv.workdir import Workdir
from flowconv.workdir.checkpoint_folder import CheckpointFolder
from flowconv.workdir.checkpoint_reader import saved_architecture

SHARED_MEMORY = 64 * 2**20  # bytes in /dev/shm, which NCCL and MPI exchange through on one machine
RECORDS_BYTES = 10e6  # of pictures, TensorBoard, and what checkpoints have beside numbers
GIGABYTE = 1e9


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
      name: what was checked.
      message: what there is, or the line that says what is wrong.
      failed: whether a run can't go with that.
    """

    name: str
    message: str
    failed: bool = False


def run_checks(config: ConfigDict, workdir: Workdir) -> list[Check]:
    """Returns this worker's checks, in a second or so; nothing is downloaded, built or written.

    The first worker alone looks at the workdir and its disk.
    """
    parameters = count_parameters(config)
    checks = [
        Check("versions", ", ".join(f"{name} {version}" for name, version in versions().items())),
        Check("config", _config(config, parameters)),
        Check("device", distributed.device_name()),
        _checked("exchange", _exchange),
        _checked("network", rendezvous.check),
        _shared_memory(),
        _checked("data", lambda: _data(config)),
        _memory(config, parameters),
    ]
    if distributed.is_root():
        checks += [_checked("workdir", lambda: _workdir(config, workdir)), _disk(config, parameters, workdir.path)]
        checks.append(_checked("sinks", lambda: _sinks(config)))
    return checks


def require_checks(config: ConfigDict, workdir: Workdir) -> None:
    """Ends all workers if a check of one of them fails.

    Raises:
      UserError: with the first message of a failed one, on every worker.
    """
    failed = [check.message for check in run_checks(config, workdir) if check.failed]
    distributed.run_on_all_ranks(lambda: _raise(failed[0] if failed else ""))
    if distributed.is_root() and (line := rendezvous.announcement()):
        say(line)


def _config(config, parameters):
    own = MODELS.part(config.model.name).keywords
    sizes = {"levels": f"L {config.model.levels}, ", "depth": f"K {config.model.depth}, "}
    sizes = "".join(text for name, text in sizes.items() if name in own)
    return f"{config.model.name}, {sizes}width {config.model.width}, " + (
        f"{parameters:,} parameters; backward={backward_of(dict(flatten(config)))}; "
        f"{counted(images_per_rank(config) * distributed.size(), 'image')} a step"
    )


def _exchange():
    """Processes that a launcher started together, and that don't know of each other, would train a model each."""
    if distributed.is_missing():
        return f"1 rank; no Horovod, which several need: {one_process.commands()}"
    libraries = ", ".join(distributed.libraries())
    if distributed.size() == 1 and "HOROVOD_RANK" not in os.environ and (started := launchers.started_with()):
        name, number = started
        raise UserError(
            f"{name}={number}: a launcher started {number} processes, of which Horovod, built with "
            f"{libraries}, sees 1: start them with horovodrun --gloo -np {number}, "
            f"or unset {name} if this is the only one"
        )
    return f"{counted(distributed.size(), 'rank')}; Horovod has {libraries}"


def _data(config):
    known, (height, width, channels) = data.check(config.data), image_shape(config.data)
    found = f"{config.data.name} at {height}×{width}" + ("" if channels == 3 else f" of {counted(channels, 'channel')}")
    return found + (known and f", {known}")


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
    if not _checkpoints(workdir.checkpoints) and _checkpoints(workdir.best_checkpoint):
        raise UserError(  # a start from the beginning would replace them
            f"{workdir.flag}={workdir.path}: holds weights in {workdir.best_checkpoint.name}/, and no checkpoint to "
            f"go on from: choose another workdir"
        )
    return f"{workdir.path}, {'a run to go on with' if workdir.config.exists() else 'no run yet'}"


def _checkpoints(folder):
    return CheckpointFolder(folder, kept=1).paths()


def _memory(config, parameters):
    needed = training_bytes(config, parameters)
    there = min(psutil.virtual_memory().total, memory_limit()) / distributed.local_size()
    found = f"about {needed / GIGABYTE:.1f} GB of {there / GIGABYTE:.1f} GB a rank"
    if distributed.uses_gpu() or needed <= there:
        return Check("memory", found)
    fields = dict(flatten(config))
    batch, backward = config.train.batch_size, backward_of(fields)
    has_cheaper = backward != "invert" and not refusal_to_invert(fields)
    cure = "take a smaller batch" + (", or --config.model.backward=invert" if has_cheaper else "")
    line = f"--config.train.batch_size={batch} with model.backward={backward} takes {found}: {cure}"
    return Check("memory", line, failed=True)


def _disk(config, parameters, path):
    needed = RECORDS_BYTES + 4 * checkpoint_bytes(config, parameters)  # the two newest, the best, and one being written
    try:
        while not path.exists():
            path = path.parent
        free = shutil.disk_usage(path).free
    except OSError as error:
        return Check("disk", f"--workdir={path}: {error.strerror}: choose another folder", failed=True)
    found = f"{free / GIGABYTE:.1f} GB free, checkpoints take about {needed / GIGABYTE:.2f} GB"
    if needed <= free:
        return Check("disk", found)
    return Check("disk", f"--workdir={path}: {found}: free some space there, or choose another folder", failed=True)


def _sinks(config):
    for name in sinks_of(config):
        package = str(SINKS.part(name).definition.attributes["package"])
        if importlib.util.find_spec(package) is None:
            raise UserError(
                f"--config.train.sinks={config.train.sinks}: {name} needs {package}, which isn't installed: "
                f"pip install {package}, or leave it out"
            )
    return ", ".join(sinks_of(config)) or "none"


def _shared_memory():
    try:
        size = shutil.disk_usage("/dev/shm").total
    except OSError:
        return Check("shared memory", "none")
    found = f"{size / GIGABYTE:.2f} GB in /dev/shm"
    if distributed.local_size() > 1 and distributed.uses_gpu() and size < SHARED_MEMORY:
        return Check("shared memory", f"{found}: start the container with --shm-size=1g", failed=True)
    return Check("shared memory", found)


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, look())
    except UserError as error:
        return Check(name, str(error), failed=True)


def _raise(message):
    if message:
        raise UserError(message)
