"""Conditions as users name them."""

from dataclasses import dataclass

import numpy as np

from flowconv.conditions.low_resolution import LowResolutionCondition
from flowconv.errors import UserError
from flowconv.inference.load import Run
from flowconv.words import nearest
from flowconv.workdir import Workdir, dataset_record


@dataclass(frozen=True)
class Asked:
    """Samples that are asked for.

    Attributes:
      condition: `[N, …]` of them; None of an unconditional flow.
      columns: of their grid; None: about a square.
      beside: uint8 images `[N, 2, H, W, C]` that each is shown between; None: none.
    """

    condition: np.ndarray | None
    columns: int | None = None
    beside: np.ndarray | None = None


def check_flags(workdir: Workdir, given_class: str | None, images: str | None) -> int | None:
    """Returns the label that --class names, if any; to be called before the work.

    Raises:
      UserError: for a class that the run hasn't, or a flag that is of no use with its condition.
    """
    model = workdir.load_config().model
    if given_class is not None and model.condition != "class":
        raise UserError(f"--class={given_class}: is used with runs of model.condition=class, not {model.condition}")
    if images is not None and model.condition != "low_resolution":
        raise UserError(
            f"--images={images}: is used with runs of model.condition=low_resolution, not {model.condition}"
        )
    if given_class is None:
        return None
    names = dataset_record.class_names(workdir, model.classes)
    if given_class in names:
        return names.index(given_class)
    if given_class.isascii() and given_class.isdigit() and int(given_class) < model.classes:
        return int(given_class)
    raise UserError(
        f"--class={given_class}: must be a class of the run, by its name or as a number from 0 to "
        f"{model.classes - 1}{'' if given_class.isdigit() else nearest(given_class, names)}"
    )


def samples_of(run: Run, label: int | None, images: str | None, count: int) -> Asked:
    """Returns the samples of a run that flags ask for.

    Args:
      run: its flow's conditions are meant.
      label: of the class, if only one is wanted: otherwise each has a row of the grid.
      images: as --images: whose small versions are enlarged (default: the run's test split).
      count: about how many samples.

    Raises:
      UserError: if images can't be read.
    """
    from flowconv.evaluation.pictures import class_rows

    flow = run.flow
    if not flow.is_conditional:
        return Asked(None)
    if flow.condition.classes:
        if label is not None:
            return Asked(np.full(count, label, np.int32))
        return Asked(*class_rows(flow.condition.classes, count))
    originals = run.examples_of("images", images, count)
    condition = np.asarray(flow.condition_of(originals))
    if not isinstance(flow.condition, LowResolutionCondition):
        return Asked(condition)
    small = flow.condition.small(originals["image"]).numpy()
    factor = originals["image"].shape[1] // small.shape[1]
    enlarged = small.repeat(factor, axis=1).repeat(factor, axis=2)
    return Asked(condition, 3 * max(1, round((len(small) / 3) ** 0.5)), np.stack([enlarged, originals["image"]], 1))
