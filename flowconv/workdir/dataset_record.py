"""Facts that a run keeps of the images that it was trained and its best weights were chosen on: data.json."""

from typing import Any

from flowconv.data import ImageData
from flowconv.errors import UserError, warn
from flowconv.files import read_json, write_json
from flowconv.workdir import Workdir

COMPARED = ("version", "train", "validation", "test", "fingerprint")
OTHER_SPLIT = "an older version split a folder otherwise: images that were trained on may be tested now"


def keep(workdir: Workdir, images: ImageData) -> None:
    """Writes what the images are, their counts and the fingerprint of their pixels.

    Raises:
      UserError: if the folder can't be written.
    """
    write_json(workdir.data, images.describe())


def changes(workdir: Workdir, images: ImageData) -> str:
    """Returns the line about images that are no longer those of the run's best weights; "" if they are."""
    kept, now = _kept(workdir), images.describe()
    is_folder = images.name.startswith("folder/")
    if kept is None:
        return f"nothing is kept of this run's images; {OTHER_SPLIT}" if is_folder else ""
    differing = [f"{name} {kept[name]}, now {now[name]}" for name in COMPARED if kept.get(name, now[name]) != now[name]]
    if not differing:
        return ""
    moved = f"; {OTHER_SPLIT}" if is_folder and str(kept.get("version", "")).startswith("1.") else ""
    return f"the images have changed since the run's best weights were chosen: {'; '.join(differing)}{moved}"


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
