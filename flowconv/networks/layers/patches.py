"""Patches of images, whose pixels are channels."""

import tensorflow as tf


def patches(x: tf.Tensor, size: int) -> tf.Tensor:
    """Returns images `[B, H, W, C]` of patches, whose pixels are channels: `[B, H/p, W/p, p²·C]`."""
    return x if size == 1 else tf.nn.space_to_depth(x, size)


def pixels(x: tf.Tensor, size: int) -> tf.Tensor:
    """Returns the images of patches: the reverse of `patches`."""
    return x if size == 1 else tf.nn.depth_to_space(x, size)


def check_patch_size(size: int, height: int, width: int) -> None:
    """Raises a ValueError if patches don't divide an image."""
    if height % size or width % size:
        raise ValueError(
            f"patch_size must divide the height and the width of every level's images, here {height}×{width}, "
            f"got {size}"
        )
