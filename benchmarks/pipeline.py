"""Throughput of the input pipeline alone, which training must never wait for."""

import time

import numpy as np

from benchmarks.alternate import median
from benchmarks.options import Options
from benchmarks.sizes import SMALL, Size
from benchmarks.workers import Worker
from flowconv import data
from flowconv.config import default_config

WARM_UP = 20  # batches: they start threads, fill the prefetch buffer, and bring the file into memory


def measure(options: Options) -> dict:
    """Returns `pipeline`: the figures of `alone`, and how many times the training rate at the small size that is."""
    with Worker("benchmarks.flowconv_worker", SMALL, backward="store", precision="float32") as worker:
        training = SMALL.batch_size / median([worker.ask("train") for _ in range(options.rounds)])
    figures = alone()
    figures["training_images_per_second"] = training
    figures["pipeline_over_training"] = figures["pipeline_images_per_second"] / training
    print(
        f"\npipeline: {figures['pipeline_images_per_second']:,.0f} images/s, {figures['pipeline_over_training']:,.0f} "
        f"times the training rate; {figures['megabytes']:,.0f} MB decoded, in memory shared by all ranks: "
        f"{figures['memory_mapped']}"
    )
    return {"pipeline": figures}


def alone(size: Size = SMALL, seconds: float = 5.0) -> dict:
    """Returns the figures of the data pipeline alone, on the embedded photographs.

    Args:
      size: of image and batch.
      seconds: to measure, about; at least an epoch's border is crossed.

    Returns:
      pipeline_images_per_second; megabytes, 10⁶ bytes, that the decoded training images take; memory_mapped (whether
      all processes of a machine share them); preparation_seconds (decoding, if that had not been done before) and
      opening_seconds.
    """
    config = default_config()
    config.data.image_size = size.image_size
    started = time.perf_counter()
    data.load(config.data)
    prepared = time.perf_counter()
    pixels = data.load(config.data, prepare=False).splits["train"]
    opened = time.perf_counter()
    return {
        "pipeline_images_per_second": images_per_second(pixels, size.batch_size, seconds),
        "megabytes": pixels.nbytes / 1e6,
        "memory_mapped": _is_mapped(pixels),
        "preparation_seconds": prepared - started,
        "opening_seconds": opened - prepared,
    }


def images_per_second(pixels: np.ndarray, batch_size: int, seconds: float) -> float:
    """Returns the rate at which `data.training_batches` gives images to a loop that does nothing with them.

    Args:
      pixels: uint8 `[N, H, W, 3]`.
      batch_size: images.
      seconds: to measure, about; more if that is not yet an epoch.
    """
    examples = {"image": pixels}
    batches = iter(data.training_batches(examples, batch_size=batch_size, seed=0, start=0, rank=0, world_size=1))
    for _ in range(WARM_UP):
        next(batches)
    images, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds or images < len(pixels):
        next(batches)
        images += batch_size
    return images / elapsed


def _is_mapped(pixels):
    while pixels is not None and not isinstance(pixels, np.memmap):
        pixels = getattr(pixels, "base", None)
    return pixels is not None
