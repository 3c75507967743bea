"""All of Horovod: the workers of a run, their exchanges and devices, and the end of one that hangs."""

from flowconv.distributed.devices import device_name, uses_gpu
from flowconv.distributed.horovod import (
    average,
    average_gradients,
    broadcast,
    gather,
    initialize,
    is_failed_exchange,
    is_root,
    launcher_is_patched,
    libraries,
    local_rank,
    local_size,
    maximum,
    rank,
    run_on_all_ranks,
    run_on_root,
    run_pieces_on_root,
    size,
    total,
)
from flowconv.distributed.watchdog import Watchdog

__all__ = [
    "Watchdog",
    "average",
    "average_gradients",
    "broadcast",
    "device_name",
    "gather",
    "initialize",
    "is_failed_exchange",
    "is_root",
    "launcher_is_patched",
    "libraries",
    "local_rank",
    "local_size",
    "maximum",
    "rank",
    "run_on_all_ranks",
    "run_on_root",
    "run_pieces_on_root",
    "size",
    "total",
    "uses_gpu",
]
