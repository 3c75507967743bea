"""Conditions as users name them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from flowconv.conditions.low_resolution import LowResolutionCondition
from flowconv.config import flatten
from flowconv.config.fields import settings_of_parts
from flowconv.config.parts import MODELS, NETWORKS
from flowconv.core.guidance import Guidance
from flowconv.data.batches import Examples
from flowconv.errors import UserError
from flowconv.inference import load
from flowconv.inference.load import Run
from flowconv.words import counted, nearest
from flowconv.workdir import Workdir, dataset_record

COUNT = 36  # samples, unless a flag says how many
OF_EACH_CLASS = 8
OF_ALL_CLASSES = 400  # at most, as far as each has one


@dataclass(frozen=True)
class Asked:
    """Samples that are asked for.

    Attributes:
      count: how many.
      condition: `[N, …]` of them; None of an unconditional flow.
      columns: of their grid; None: about a square.
      rows: what the rows of it are called.
      beside: uint8 images `[N, 2, H, W, C]` that each is shown between; None: none.
    """

    count: int
    condition: np.ndarray | None = None
    columns: int | None = None
    rows: tuple[str, ...] = ()
    beside: np.ndarray | None = None

    def at(self, temperature: float) -> "Asked":
        """Returns what is drawn at a temperature: at 0, where all samples of a condition are alike, one of each."""
        if temperature or self.beside is not None:
            return self
        if self.condition is None:
            return replace(self, count=1)
        _, first = np.unique(self.condition, axis=0, return_index=True)
        columns = 1 if self.rows else None
        return replace(self, count=len(first), condition=self.condition[np.sort(first)], columns=columns)


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


def check_data_dir(data_dir: str | None, images: str | None, sampled: Workdir | None = None) -> None:
    """Refuses a --data_dir where no data are read; to be called before the work.

    Args:
      data_dir: as --data_dir.
      images: as --images, which take the place of the test split.
      sampled: the run, where data are only read for the condition of its samples.

    Raises:
      UserError: then.
    """
    if data_dir is None:
        return
    if images is not None:
        raise UserError(f"--data_dir={data_dir}: is not used with --images={images}")
    if sampled is not None and (condition := sampled.load_config().model.condition) in ("none", "class"):
        raise UserError(f"--data_dir={data_dir}: is not used with runs of model.condition={condition}")


def class_facts(workdir: Workdir, label: int | None) -> dict[str, str]:
    """Returns the name of the class that a label stands for, as pictures tell it; nothing if there is none."""
    if label is None:
        return {}
    return {"class": dataset_record.class_names(workdir, workdir.load_config().model.classes)[label]}


def labels_of(workdir: Workdir, classes: Sequence[str], images: str | None) -> np.ndarray | None:
    """Returns the label of each image of --images, by --class; to be called before the work.

    Args:
      workdir: of the run.
      classes: as --class: that of each image, or one of all.
      images: as --images (default: those of the test split, which have labels).

    Returns:
      int32 `[N]`; None if images have labels, or need none.

    Raises:
      UserError: for a class that the run hasn't, or none, or another number of them than of images.
    """
    labels = [check_flags(workdir, each, None) for each in classes]
    shown = f"--class={','.join(classes)}"
    if workdir.load_config().model.condition != "class":
        return None
    if images is None:
        if labels:
            raise UserError(f"{shown}: is used with --images; those of the test split have classes of their own")
        return None
    if not labels:
        raise UserError("--class is missing: name the class of each image of --images, or that of all")
    count = len(load.find_images("images", images))
    if len(labels) not in (1, count):
        raise UserError(f"{shown}: must be one class, or one of each of the {counted(count, 'image')} of --images")
    return np.resize(np.array(labels, np.int32), count)


def labelled(examples: Examples, labels: np.ndarray | None) -> dict[str, np.ndarray]:
    """Returns examples with the first of these labels, as `labels_of` has them, or with their own if that has none."""
    return {**examples} if labels is None else {**examples, "label": labels[: len(examples["image"])]}


def check_guidance(workdir: Workdir, weight: float, attention_temperature: float) -> Guidance | None:
    """Returns the guidance that --guidance and --attention_temperature ask for; to be called before the work.

    Raises:
      UserError: for a run that takes none, or not by these.
    """
    if attention_temperature <= 0.0:
        raise UserError(f"--attention_temperature={attention_temperature:g}: must be above 0")
    if not weight:
        if attention_temperature != 1.0:
            raise UserError(f"--attention_temperature={attention_temperature:g}: is used with --guidance alone")
        return None
    model = workdir.load_config().model
    if not MODELS.part(model.name).is_autoregressive:
        right = " or ".join(name for name in MODELS if MODELS.part(name).is_autoregressive)
        raise UserError(f"--guidance={weight:g}: is used with runs of model.name={right}, not {model.name}")
    if attention_temperature != 1.0 and not NETWORKS.part(model.network).has_attention:
        right = f"must be 1 for a run of model.network={model.network}, which has no attention"
        raise UserError(f"--attention_temperature={attention_temperature:g}: {right}")
    if attention_temperature == 1.0 and not (model.condition == "class" and model.get("label_dropout", 0.0)):
        raise UserError(
            f"--guidance={weight:g}: needs a run that was trained with model.condition=class and model.label_dropout "
            f"above 0, or an --attention_temperature other than 1"
        )
    return Guidance(weight, attention_temperature)


def check_denoise(workdir: Workdir) -> float:
    """Returns the deviation of the noise that a run was trained with; to be called before the work.

    Raises:
      UserError: if it was trained without.
    """
    model = workdir.load_config().model
    deviation = settings_of_parts(dict(flatten(workdir.load_config()))).get("model.noise_deviation")
    if deviation is None:
        raise UserError(f"--denoise: is used with runs of model.dequantization=gaussian, not {model.dequantization}")
    return model.get("noise_deviation", deviation.default)


def samples_of(run: Run, label: int | None, images: str | None, count: int | None) -> Asked:
    """Returns the samples of a run that flags ask for.

    Args:
      run: its flow's conditions are meant.
      label: of the class, if only one is wanted: otherwise each has a row of the grid.
      images: as --images: whose small versions are enlarged (default: the run's test split).
      count: about how many samples (default: 36, or 8 of each class, of more than 50 classes fewer).

    Raises:
      UserError: if images can't be read.
    """
    from flowconv.evaluation.pictures import class_rows

    flow = run.flow
    if label is None and (classes := flow.condition.classes):
        rows = dataset_record.class_names(run.workdir, classes)
        labels, columns = class_rows(classes, count or min(OF_EACH_CLASS * classes, OF_ALL_CLASSES))
        return Asked(len(labels), labels, columns, rows)
    count = count or COUNT
    if label is not None:
        return Asked(count, np.full(count, label, np.int32))
    if not flow.is_conditional:
        return Asked(count)
    originals = run.examples_of("images", images, count)
    condition = np.asarray(flow.condition_of(originals))
    if not isinstance(flow.condition, LowResolutionCondition):
        return Asked(len(condition), condition)
    small = flow.condition.small(originals["image"]).numpy()
    factor = originals["image"].shape[1] // small.shape[1]
    enlarged = small.repeat(factor, axis=1).repeat(factor, axis=2)
    columns = 3 * max(1, round((len(small) / 3) ** 0.5))
    return Asked(len(condition), condition, columns, beside=np.stack([enlarged, originals["image"]], 1))
