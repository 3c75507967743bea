"""Any picture as squares of 8-bit RGB."""

import numpy as np
from PIL import Image


def to_rgb(image: Image.Image) -> Image.Image:
    """The image in 8-bit RGB: grey is repeated, 16 bits are scaled, transparency is laid over white.

    Raises ValueError for 32-bit integer and floating-point pixels, whose white nothing defines.
    """
    portable = image.format == "PPM"  # whose greys of more than 8 bits Pillow scales to 16
    if image.mode == "F" or (image.mode == "I" and not portable):
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise ValueError(f"{kind} pixels have no defined white")
    if image.mode.startswith("I"):
        # Pillow's own conversion to 8 bits clips at 255 where it should scale.
        grey = np.asarray(image).astype(np.float64) / 65535 * 255
        return Image.fromarray(np.rint(grey).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def square(image: Image.Image, size: int) -> Image.Image:
    """The largest centred square of the image, resized with an antialiasing Lanczos filter to `size` pixels a side."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.LANCZOS)


def patches(image: Image.Image, size: int) -> list[Image.Image]:
    """All whole squares of `size` pixels a side, side by side in the image as it is; one as `square` if none."""
    rows, columns = (range(0, length - size + 1, size) for length in (image.height, image.width))
    found = [image.crop((left, top, left + size, top + size)) for top in rows for left in columns]
    return found or [square(image, size)]


def central_patch(image: Image.Image, size: int) -> Image.Image:
    """The square of `size` pixels a side in the middle of the image, as it is; as `square` if there is none."""
    if min(image.size) < size:
        return square(image, size)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))
