"""From `config.data` to a tensorflow_datasets builder."""

import difflib
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from flowconv.data import photos  # noqa: F401  (registers the builder with tensorflow_datasets)
from flowconv.data.folder import folder_builder
from flowconv.errors import UserError

NAMES = ("photos", "cifar10", "downsampled_imagenet", "imagenet_resized", "celeb_a_hq", "folder")
OWN = ("photos", "folder")  # builders of this package, with a validation split of their own
NAME = re.compile(r"(\w+)(?:/([^/:]+))?(?::([\d.*]+))?")  # data_set/variant:version
SIZED = ("photos", "downsampled_imagenet", "imagenet_resized", "celeb_a_hq")  # come as "32x32" and the like


def cache_folder(cache_dir: str) -> Path:
    """Where decoded images and the records of our own builders are kept; "" stands for the user's cache."""
    if cache_dir:
        return Path(cache_dir).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flowconv"


def find_builder(data_config: ConfigDict) -> tfds.core.DatasetBuilder:
    """The builder of the data set that `data_config` names; nothing is downloaded, prepared or decoded.

    Raises:
        UserError: no such data set, or not in this image size; for `folder` also if the folder won't do.
    """
    name, image_size = data_config.name, data_config.image_size
    if image_size < 1:
        raise UserError(f"--config.data.image_size={image_size}: must be at least 1")
    parsed = NAME.fullmatch(name)
    base, variant, version = parsed.groups() if parsed else (name, None, None)
    records = cache_folder(data_config.cache_dir) / "records"
    if base == "folder":
        return _built(lambda: folder_builder(data_config.dir, image_size, data_config.patches, records), name, records)
    try:
        cls = tfds.builder_cls(base) if parsed else None
    except ValueError:
        cls = None
    if cls is None:
        raise UserError(f"--config.data.name={name}: no such data set{_nearest(base)}")
    if variant is None:
        variant = _sized(name, cls, image_size) if base in SIZED else None
    elif variant not in cls.builder_configs:
        raise UserError(f"--config.data.name={name}: {base} has only {', '.join(cls.builder_configs) or 'one variant'}")
    own = base in OWN
    data_dir = records if own else os.path.expanduser(data_config.dir) or None
    # By its class: tfds.builder() would import what the folder of a version's data names as the class of its features.
    return _built(lambda: cls(config=variant, version=version, data_dir=data_dir), name, records if own else None)


class DamagedRecords(UserError):
    """Records of one of our own builders that can't be read; they can be made again.

    Attributes:
        path: their folder.
    """

    def __init__(self, message: str, path: Path):
        super().__init__(message)
        self.path = path


def _built(build: Callable[[], tfds.core.DatasetBuilder], name: str, records: Path | None) -> tfds.core.DatasetBuilder:
    """The builder; what it says of broken metadata is of our own `records`, or of the user's data."""
    try:
        return build()
    except UserError:
        raise
    except Exception as error:  # whatever the parsers of its files raise
        reason = " ".join(str(error).split()) or type(error).__name__
        if records and records.exists():
            raise DamagedRecords(f"the records in {records} are damaged ({reason})", records) from error
        raise UserError(f"--config.data.name={name}: {reason}") from error


def damaged(builder: tfds.core.DatasetBuilder, reason: str) -> UserError:
    """The error about records that can't be read."""
    reason, path = " ".join(reason.split()), builder.data_path
    if builder.name in OWN:
        return DamagedRecords(f"the records in {path} are damaged ({reason})", Path(path))
    return UserError(f"--config.data.name={builder.name}: the data in {path} are damaged, prepare them again: {reason}")


def _nearest(name: str) -> str:
    """A hint at the data set that was meant."""
    for names in (NAMES, tfds.list_builders(with_community_datasets=False)):
        if close := difflib.get_close_matches(name, names, n=1):
            return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(NAMES)} and whatever else tensorflow_datasets knows"


def _sized(name: str, cls: type[tfds.core.DatasetBuilder], image_size: int) -> str:
    """The variant of a data set that comes in sizes."""
    sizes = {_side(variant): variant for variant in cls.builder_configs}
    if image_size not in sizes:
        raise UserError(
            f"--config.data.image_size={image_size}: {name} comes in sizes {', '.join(map(str, sorted(sizes)))}"
        )
    return sizes[image_size]


def _side(variant: str) -> int:
    """The side in pixels of "32x32" or "256"."""
    return int(variant.partition("x")[0])


def full_name(builder: tfds.core.DatasetBuilder) -> str:
    """The name that tfds knows, with the variant: "cifar10", "downsampled_imagenet/32x32"."""
    return f"{builder.name}/{builder.builder_config.name}" if builder.builder_config else builder.name


def is_prepared(builder: tfds.core.DatasetBuilder) -> bool:
    """Whether the builder's records are complete; tfds' own method logs a warning if not."""
    return (builder.data_path / "dataset_info.json").exists()


def native_size(builder: tfds.core.DatasetBuilder) -> tuple[int | None, int | None]:
    """Height and width of the builder's images; None where they differ from image to image.

    Raises UserError when its examples have no 8-bit grey or RGB "image".
    """
    features = builder.info.features
    image = features["image"] if isinstance(features, tfds.features.FeaturesDict) and "image" in features else None
    if not isinstance(image, tfds.features.Image) or image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3):
        raise UserError(f"--config.data.name={builder.name}: its examples have no 8-bit grey or RGB feature 'image'")
    if builder.name in SIZED:  # downsampled_imagenet leaves the shape of its images open
        return (_side(builder.builder_config.name),) * 2
    return image.shape[0], image.shape[1]


def check_size(builder: tfds.core.DatasetBuilder, image_size: int) -> None:
    """Raises UserError if images would have to be enlarged, which makes bits/dim meaningless."""
    sides = [side for side in native_size(builder) if side is not None]
    if sides and image_size > min(sides):
        raise UserError(
            f"--config.data.image_size={image_size}: {builder.name} has images of "
            f"{'x'.join(map(str, sides))}; at most {min(sides)}"
        )
