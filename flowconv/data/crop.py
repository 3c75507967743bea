"""Any picture in the shape that is asked for: so many rows, columns and channels of 8 bits."""

import numpy as np
from PIL import Image

from flowconv.data.limits import wide_limits

Shape = tuple[int, int, int]  # height, width, channels
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # Pillow's, by channels


def to_mode(image: Image.Image, channels: int) -> Image.Image:
    """The image with so many channels: grey is repeated, 16 bits are scaled, transparency is kept or laid over white.

    Raises ValueError for 32-bit integer and floating-point pixels, whose white nothing defines.
    """
    mode = MODES[channels]
    portable = image.format == "PPM"  # whose greys of more than 8 bits Pillow scales to 16
    if image.mode == "F" or (image.mode == "I" and not portable):
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise ValueError(f"{kind} pixels have no defined white")
    if image.mode.startswith("I"):
        # Pillow's own conversion to 8 bits clips at 255 where it should scale.
        grey = np.asarray(image).astype(np.float64) / 65535 * 255
        return Image.fromarray(np.rint(grey).astype(np.uint8)).convert(mode)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if channels in (1, 3):
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


def image_of(pixels: np.ndarray) -> Image.Image:
    """The image of uint8 [H, W, C]."""
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))


def pixels_of(image: Image.Image) -> np.ndarray:
    """The pixels of an 8-bit image, uint8 [H, W, C]."""
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


@wide_limits()
def crop_and_resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The largest centred part of the image that has the shape of (height, width), resized to it.

    The filter is antialiasing, Lanczos'.
    """
    height, width = size
    # The sides of the part, of which one is the image's own.
    across = max(1, min(image.width, image.height * width // height))
    down = max(1, min(image.height, image.width * height // width))
    left, top = (image.width - across) // 2, (image.height - down) // 2
    return image.crop((left, top, left + across, top + down)).resize((width, height), Image.Resampling.LANCZOS)


@wide_limits()
def patches(image: Image.Image, size: tuple[int, int]) -> list[Image.Image]:
    """All whole patches of (height, width), side by side in the image as it is; `crop_and_resize` if none."""
    height, width = size
    rows, columns = (range(0, end - step + 1, step) for end, step in ((image.height, height), (image.width, width)))
    found = [image.crop((left, top, left + width, top + height)) for top in rows for left in columns]
    return found or [crop_and_resize(image, size)]


@wide_limits()
def central_patch(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The patch of (height, width) in the middle of the image, as it is; `crop_and_resize` if there is none."""
    height, width = size
    if image.height < height or image.width < width:
        return crop_and_resize(image, size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
