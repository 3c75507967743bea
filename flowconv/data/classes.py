"""The classes of images, as a model of images given their class needs to know them."""

from ml_collections import ConfigDict

from flowconv.data.loading import ImageData
from flowconv.errors import UserError


def with_classes(config: ConfigDict) -> ConfigDict:
    """Returns the config with as many `model.classes` as the data set has, where it says 0 and needs them.

    Nothing is downloaded, prepared or decoded.

    Raises:
      UserError: if the data set has no labels, or isn't known.
    """
    if config.model.condition != "class" or config.model.classes:
        return config
    from flowconv.data import builders

    names = builders.find_dataset(config.data).class_names
    if not names:
        raise _no_labels(config)
    filled = config.copy_and_resolve_references()
    filled.model.classes = len(names)
    return filled


def check_classes(config: ConfigDict, images: ImageData) -> None:
    """Makes sure that the labels of images are those of a model's classes.

    Raises:
      UserError: if there are none, or too many.
    """
    if config.model.condition != "class":
        return
    if not images.labels:
        raise _no_labels(config)
    if len(images.class_names) > config.model.classes:
        raise UserError(
            f"--config.model.classes={config.model.classes}: {config.data.name} has {len(images.class_names)} classes: "
            f"leave it out, or give at least as many"
        )


def _no_labels(config: ConfigDict) -> UserError:
    cure = ": put the images of each class into a sub-folder" if config.data.name == "folder" else ""
    return UserError(f"--config.model.condition=class: data.name={config.data.name} has no labels{cure}")
