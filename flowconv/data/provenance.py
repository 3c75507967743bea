"""What a data set is called in results, and what their reader must know of it."""

import os
from pathlib import Path

import tensorflow_datasets as tfds

from flowconv.data.builders import full_name, native_size

# Images in the published data sets: whatever has other counts is named a subset.
OFFICIAL_COUNTS = {
    "cifar10": {"train": 50_000, "test": 10_000},
    "downsampled_imagenet": {"train": 1_281_149, "validation": 49_999},
    "imagenet_resized": {"train": 1_281_167, "validation": 50_000},
    "celeb_a_hq": {"train": 30_000},
}
NOTES = {
    "photos": "patches of five photographs; train, validation and test are different regions of them",
    "downsampled_imagenet": "the old ImageNet (PixelRNN's, 49,999 validation images); bits/dim do not compare "
    "with the new one, imagenet_resized",
    "imagenet_resized": "the new ImageNet (Chrabaszcz et al., anti-aliased, 50,000 validation images); bits/dim do "
    "not compare with the old one, downsampled_imagenet",
    "celeb_a_hq": "test is the last tenth in the order of tensorflow_datasets, not the 3,000 images of Glow's files",
}


def shown_name(builder: tfds.core.DatasetBuilder) -> str:
    """The name a result is reported under: a subset's says so."""
    if builder.name == "folder":
        return f"folder/{os.fsencode(Path(builder.root).name).decode(errors='replace')}"
    name = full_name(builder)
    counts = {split: info.num_examples for split, info in builder.info.splits.items()}
    if builder.name in OFFICIAL_COUNTS and counts != OFFICIAL_COUNTS[builder.name]:
        return f"{name} subset ({'/'.join(f'{count:,}' for count in counts.values())})"
    return name


def note(builder: tfds.core.DatasetBuilder, image_size: int, enlarged: int) -> str:
    """What else a reader of a result must know, or ""; `enlarged` images were smaller when they were decoded."""
    notes = [NOTES[builder.name]] if builder.name in NOTES else []
    grey = 0
    height, width = native_size(builder)
    channels = builder.info.features["image"].shape[-1]
    if builder.name == "folder":
        notes.append("cut into patches" if builder.patches else _resized(image_size))
        enlarged = builder.info.metadata.get("enlarged", 0)
        grey = builder.info.metadata.get("grey", 0)
    elif None in (height, width):
        notes.append(_resized(image_size))
    elif (height, width) != (image_size, image_size):
        notes.append(f"resized from {height}x{width}")
    if channels == 1:
        notes.append("grey, repeated to three channels: bits/dim do not compare with those of one channel")
    if grey:
        notes.append(f"of grey images, repeated to three channels: {grey:,}")
    if enlarged:
        notes.append(f"of images that were enlarged, which lowers bits/dim: {enlarged:,}")
    return "; ".join(notes)


def _resized(image_size: int) -> str:
    return f"cropped and resized to {image_size}x{image_size}"
