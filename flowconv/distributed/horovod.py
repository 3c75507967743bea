"""The workers of a run, and their exchanges."""

import contextlib
import http.client
import math
import os
import socket
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar, cast

import keras
import tensorflow as tf

from flowconv.distributed import devices, elastic, one_process
from flowconv.errors import UserError, WorkersLost

try:
    import horovod.tensorflow as hvd
    from horovod.common.exceptions import HorovodInternalError
except ImportError:  # one process needs none; more than one say so
    hvd, HorovodInternalError = one_process, one_process.HorovodInternalError


DONE = object()  # what an iterator has after its last piece
PATIENCE_SECONDS = 120  # with a worker that is late or slow, as on a busy machine; Gloo's own 30 were too few there

Result = TypeVar("Result")


def initialize(fusion_megabytes: int | None = None, images: int | None = None) -> None:
    """Joins the other workers; must come before any TensorFlow operation.

    A worker that does so two minutes after the first one finds that the job has ended. Each
    worker of a machine gets a GPU of its own, or its share of the cores (`devices.configure`).

    Args:
      fusion_megabytes: how much of what is exchanged goes in one message, MiB; 0 sends each tensor for itself.
        None, or a HOROVOD_FUSION_THRESHOLD in the environment (horovodrun --fusion-threshold-mb), leaves it as it is.
      images: as of `devices.configure`.

    Raises:
      UserError: if this machine's name has no address, or has fewer GPUs than ranks; if there are several ranks and no
        Horovod.
      WorkersLost: in an elastic job that has no place for this process any more, or whose driver is gone.
    """
    try:
        has_place = elastic.take_new_rank()
    except (OSError, http.client.HTTPException) as error:
        gone = "horovodrun, which started this job, is gone"
        raise WorkersLost(f"{gone}: the same command goes on from the last checkpoint") from error
    if not has_place:
        raise WorkersLost("the job goes on without this worker")
    if int(os.environ.get("HOROVOD_SIZE", "1")) > 1:
        try:
            socket.gethostbyname(socket.gethostname())
        except OSError as error:  # Gloo would end in a segmentation fault
            name = socket.gethostname()
            raise UserError(f"this machine's name, {name}, has no address: add it to /etc/hosts") from error
    if fusion_megabytes is not None:  # Horovod looks for it once, here
        os.environ.setdefault("HOROVOD_FUSION_THRESHOLD", str(fusion_megabytes * 2**20))
    os.environ.setdefault("HOROVOD_GLOO_TIMEOUT_SECONDS", str(PATIENCE_SECONDS))
    # Each group of gradients for itself: which of them are ready at the same time differs from run to run, and sums of
    # three or more ranks would round differently in another message.
    os.environ.setdefault("HOROVOD_DISABLE_GROUP_FUSION", "1")
    hvd.init()
    keras.config.set_floatx("float32")  # the user's own keras.json is for other programs
    keras.config.set_image_data_format("channels_last")
    devices.configure(hvd.local_rank(), hvd.local_size(), images)


def rank() -> int:
    """This worker's number, from 0."""
    return hvd.rank()


def local_rank() -> int:
    """This worker's number on its host, from 0."""
    return hvd.local_rank()


def size() -> int:
    """The number of workers."""
    return hvd.size()


def local_size() -> int:
    """The number of workers on this host."""
    return hvd.local_size()


def libraries() -> list[str]:
    """What Horovod was built with."""
    built = {"Gloo": hvd.gloo_built(), "MPI": hvd.mpi_built(), "NCCL": hvd.nccl_built()}
    return [name for name, there in built.items() if there]


def is_missing() -> bool:
    """Whether Horovod can't be imported, so that this process is on its own."""
    return hvd is one_process


def launcher_is_patched() -> bool:
    """Whether the horovodrun that is installed here lets strangers take no part in a job (SECURITY.md)."""
    from horovod.runner.common.util import secret

    return hasattr(secret, "PATCHED_BY_FLOWCONV")


def is_root() -> bool:
    """True on the one worker that prints and writes."""
    return hvd.rank() == 0


def average(tensor: tf.Tensor) -> tf.Tensor:
    """Returns the mean of `tensor` over all workers."""
    return hvd.allreduce(tensor, op=hvd.Average) if hvd.size() > 1 else tensor


def average_gradients(
    gradients: Sequence[tf.Tensor],
    scalars: tf.Tensor,
    compression: str = "none",
    groups: Sequence[Sequence[int]] | None = None,
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Returns the means of gradients and scalars over all workers.

    In a graph each group's exchange begins when that group's gradients are there, while others are still computed.

    Args:
      gradients: with "none" in one dtype, the scalars' too.
      scalars: what else is averaged, never compressed; with "none" in the last group's exchange.
      compression: "none", an exchange a group; or "fp16", which sends half the bytes: each tensor is scaled by the
        power of two that makes its largest number, on any worker, one that neither overflows when all are added up nor
        drowns the small ones. What isn't finite stays so. Of each number 11 bits remain. It takes two exchanges a
        group, a small one first.
      groups: the numbers of the gradients that are exchanged together, in the order in which they are computed
        (default: all of them). Together they are each number once.
    """
    if hvd.size() == 1:
        return list(gradients), scalars
    groups = groups or [range(len(gradients))]
    if compression == "none":
        *others, last = groups
        tensors, numbers = [*gradients, scalars], [*others, [*last, len(gradients)]]
        *means, scalars = _average_groups(tensors, numbers, lambda group: hvd.grouped_allreduce(group, op=hvd.Average))
        return means, scalars
    scalars = hvd.allreduce(scalars, op=hvd.Average)
    return _average_groups(gradients, groups, _average_in_half_precision), scalars


def _average_groups(
    tensors: Sequence[tf.Tensor],
    groups: Sequence[Sequence[int]],
    average: Callable[[list[tf.Tensor]], Sequence[tf.Tensor]],
) -> list[tf.Tensor]:
    """Returns the means of tensors, in their order, that are averaged in groups of these numbers."""
    means: dict[int, tf.Tensor] = {}
    for group in groups:
        means |= zip(group, average([tensors[number] for number in group]), strict=True)
    return [means[number] for number in range(len(tensors))]


def _average_in_half_precision(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the means of gradients that travel as float16, with a scale each."""
    largest = tf.stack([tf.cast(tf.reduce_max(tf.abs(gradient)), tf.float32) for gradient in gradients])
    scales = tf.unstack(_half_precision_scales(hvd.allreduce(largest, op=hvd.Max)))
    # The sum is divided before it is taken: Horovod's own average divides what may have overflowed.
    halves = [
        tf.cast(gradient * tf.cast(scale / hvd.size(), gradient.dtype), tf.float16)
        for gradient, scale in zip(gradients, scales, strict=True)
    ]
    sums = hvd.grouped_allreduce(halves, op=hvd.Sum)
    return [
        tf.cast(total, gradient.dtype) / tf.cast(scale, gradient.dtype)
        for total, gradient, scale in zip(sums, gradients, scales, strict=True)
    ]


def _half_precision_scales(largest: tf.Tensor) -> tf.Tensor:
    """Returns powers of two that bring these magnitudes into [2^13, 2^15), well below float16's 65,504."""
    exponents = 14.0 - tf.math.ceil(tf.math.log(largest) / math.log(2.0))
    scales = 2.0 ** tf.clip_by_value(exponents, -126.0, 126.0)
    return tf.where((largest > 0.0) & tf.math.is_finite(largest), scales, tf.ones_like(scales))


def total(tensor: tf.Tensor) -> tf.Tensor:
    """Returns the sum of `tensor` over all workers."""
    return hvd.allreduce(tensor, op=hvd.Sum) if hvd.size() > 1 else tensor


def maximum(tensor: tf.Tensor) -> tf.Tensor:
    """Returns the elementwise maximum of `tensor` over all workers: NaN where any has one."""
    if hvd.size() == 1:
        return tensor
    # A maximum with NaN is one of the two, by their order: whether there is one goes along as a number.
    nan = tf.math.is_nan(tensor)
    numbers = tf.where(nan, tf.constant(-math.inf, tensor.dtype), tensor)
    largest, has_nan = tf.unstack(hvd.allreduce(tf.stack([numbers, tf.cast(nan, tensor.dtype)]), op=hvd.Max))
    return tf.where(has_nan > 0, tf.constant(math.nan, tensor.dtype), largest)


def broadcast(variables: list[keras.Variable | tf.Variable]) -> None:
    """Gives the variables of every worker the values that they have on the first."""
    if hvd.size() > 1:
        hvd.broadcast_variables([v.value if isinstance(v, keras.Variable) else v for v in variables], 0)


def gather(value: Any) -> list:
    """Returns the `value` of every worker, in the order of their ranks."""
    return hvd.allgather_object(value) if hvd.size() > 1 else [value]


def run_on_all_ranks(function: Callable[[], Result]) -> Result:
    """Returns this worker's function(), when all workers have called it.

    Raises:
      UserError: on every worker, if the function raised one on any; the others would wait for that one for ever.
    """
    result, mistake = None, ""
    try:
        result = function()
    except UserError as error:
        mistake = str(error)
    if mistakes := [each for each in gather(mistake) if each]:
        raise UserError(mistakes[0])
    return cast(Result, result)


def run_on_root(function: Callable[[], Result]) -> Result:
    """Returns function() as the first worker, which alone calls it, has it.

    Raises:
      UserError: on every worker, if the function raised one.
    """
    result = run_on_all_ranks(lambda: function() if is_root() else None)
    return cast(Result, hvd.broadcast_object(result, 0) if hvd.size() > 1 else result)


def is_failed_exchange(error: BaseException) -> bool:
    """Whether `error` came from an exchange that failed since another worker has ended."""
    return isinstance(error, HorovodInternalError) or (isinstance(error, tf.errors.OpError) and "orovod" in str(error))


def run_pieces_on_root(pieces: Generator[None, None, None], between: Callable[[], None]) -> None:
    """Has the first worker go through a generator while the others wait; all call `between` before each piece of it.

    Raises:
      UserError: on every worker, if a piece raised one.
    """
    with contextlib.closing(pieces):  # which does nothing where nobody asks for its first piece
        going = True
        while going:
            between()
            going = run_on_root(lambda: next(pieces, DONE) is not DONE)
