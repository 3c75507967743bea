"""Facts that a run keeps of the images that it was trained and its best weights were chosen on: data.json."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowconv.data import ImageData
from flowconv.errors import UserError, warn
from flowconv.files import read_json, write_json
from flowconv.workdir import Workdir

COMPARED = ("version", "train", "validation", "test", "fingerprint", "classes")
OTHER_SPLIT = "an older version split a folder otherwise: images that were trained on may be tested now"


def keep(workdir: Workdir, images: ImageData) -> None:
    """Writes what the images are, their counts and the fingerprint of their pixels, and their classes.

    Raises:
      UserError: if the folder can't be written.
    """
    write_json(workdir.data, _record(images))


def changes(workdir: Workdir, images: ImageData) -> str:
    """Returns the line about images that are no longer those of the run's best weights; "" if they are."""
    kept, now = _kept(workdir), _record(images)
    is_folder = images.name.startswith("folder/")
    if kept is None:
        return f"nothing is kept of this run's images; {OTHER_SPLIT}" if is_folder else ""
    differing = [f"{name} {kept[name]}, now {now[name]}" for name in COMPARED if kept.get(name, now[name]) != now[name]]
    differing += _differing_classes(kept, now)
    if not differing:
        return ""
    moved = f"; {OTHER_SPLIT}" if is_folder and str(kept.get("version", "")).startswith("1.") else ""
    return f"the images have changed since the run's best weights were chosen: {'; '.join(differing)}{moved}"


def class_names(workdir: Workdir, classes: int) -> tuple[str, ...]:
    """Returns the names of a run's classes in the order of labels: their numbers, where none are kept."""
    kept = (_kept(workdir) or {}).get("class_names")
    names = [str(name) for name in kept] if isinstance(kept, list) and len(kept) <= classes else []
    return tuple(names + [str(number) for number in range(len(names), classes)])


def _record(images):
    """What is kept: the description of results.json, the names of all classes, and how many images each one has."""
    counts = {
        split: np.bincount(labels, minlength=len(images.class_names)).tolist()
        for split, labels in images.labels.items()
    }
    return {**images.describe(), "class_names": list(images.class_names), "label_counts": counts}


def _differing_classes(kept: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns the classes that have come or gone, or else the first one that has another number of images.

    That is known already of a split whose images are others in number.
    """
    before, names = kept.get("class_names"), now["class_names"]
    counts_before = kept.get("label_counts")
    if not isinstance(before, list) or not isinstance(counts_before, dict):  # an older version kept none
        return []
    if before != names:
        gone = [str(name) for name in before if name not in names]
        new = [name for name in names if name not in before]
        differing = [f"{what} {_some(which)}" for what, which in (("without", gone), ("with", new)) if which]
        return [f"the classes now {' and '.join(differing) or 'in another order'}"]
    for split, counts in now["label_counts"].items():
        there = counts_before.get(split)
        if kept.get(split) == now[split] and isinstance(there, list) and there != counts:
            found = zip(names, there, counts, strict=False)
            return [f"{split} images of {name} {old}, now {count}" for name, old, count in found if old != count][:1]
    return []


def _some(names, most=3):
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def _kept(workdir: Workdir) -> dict[str, Any] | None:
    """What is kept, or what the results of an older version say; None if that is nothing that can be read."""
    for path, field in ((workdir.data, None), (workdir.results, "dataset")):
        if path.exists():
            try:
                found = read_json(path)
                found = found[field] if field else found
            except (UserError, KeyError, TypeError) as error:
                warn(f"{path} says nothing of the run's images ({error})")
                continue
            if isinstance(found, dict):
                return found
            warn(f"{path} says nothing of the run's images")
    return None
