"""Training budgets in seconds, for variants whose steps take different times."""

import os
from collections.abc import Mapping
from pathlib import Path

from ml_collections import ConfigDict

from benchmarks.model_speeds import measure_speeds
from flowconv import data, distributed
from flowconv.config import changed, flatten, images_per_rank
from flowconv.errors import UserError
from flowconv.files import read_json, write_json

STRETCHED = ("train.evaluate_images", "optimizer.warmup_images")  # with train.images


def training_images(
    configs: Mapping[str, ConfigDict], images: data.ImageData, seconds: float, rounds: int, file: Path
) -> dict[str, int]:
    """Returns how many training images each variant sees in equal training seconds.

    The rates are measured once, in turns, and the counts are kept: a comparison that goes on gives each run the
    budget that it had before. A variant that was added since is measured for itself.

    Args:
      configs: by variant.
      images: that speeds are measured on.
      seconds: that each variant trains for; evaluations are not counted.
      rounds: alternated rounds in which rates are measured.
      file: which keeps the counts.

    Raises:
      UserError: if the file holds another number of seconds, or no budget.
    """
    kept = distributed.run_on_root(lambda: _read(file, seconds))
    new = {variant: config for variant, config in configs.items() if variant not in kept}
    if not new:
        return kept
    speeds = measure_speeds(new, images, rounds)

    def write():
        for variant, config in new.items():
            step = images_per_rank(config) * distributed.size()
            kept[variant] = step * max(1, round(speeds[variant]["train_images_per_second"] * seconds / step))
        write_json(file, {"seconds": seconds, "images": kept})
        return kept

    return distributed.run_on_root(write)


def with_budget(config: ConfigDict, images: int) -> ConfigDict:
    """Returns a config for so many training images, its evaluations and its warm-up stretched alike."""
    fields, ratio = dict(flatten(config)), images / config.train.images
    stretched = {name: max(int(fields[name] > 0), round(fields[name] * ratio)) for name in STRETCHED}
    return changed(ConfigDict(config.to_dict()), {"train.images": images, **stretched})


def _read(file, seconds):
    """The images by variant that a file keeps."""
    if not os.path.exists(file):
        return {}
    kept = read_json(file)
    try:
        before, images = float(kept["seconds"]), {name: int(number) for name, number in kept["images"].items()}
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise UserError(f"{file} holds no budget: remove it, and rates are measured again") from error
    if before != seconds:
        raise UserError(f"--seconds={seconds:g}: {file} is of {before:g}: choose another --output")
    return images
