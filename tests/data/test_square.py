"""Any picture becomes a square of 8-bit RGB."""

import numpy as np
import pytest
from PIL import Image

from flowconv.data.square import square, to_rgb


def rgb(image: Image.Image) -> np.ndarray:
    converted = to_rgb(image)
    assert converted.mode == "RGB"
    return np.asarray(converted)


def test_grey_is_repeated():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(rgb(Image.fromarray(grey)), np.repeat(grey[..., None], 3, axis=-1))


def test_sixteen_bits_are_scaled():
    grey = Image.fromarray(np.array([[0, 257, 32768, 65535]], np.uint16))
    np.testing.assert_array_equal(rgb(grey)[0, :, 0], [0, 1, 128, 255])


def test_transparency_is_laid_over_white():
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
    np.testing.assert_array_equal(rgb(Image.fromarray(pixels)), [[[10, 20, 30], [255, 255, 255]]])


def test_palette_with_transparency():
    image = Image.new("P", (2, 1))
    image.putpalette([1, 2, 3, 200, 100, 50])
    image.putdata([0, 1])
    np.testing.assert_array_equal(rgb(image), [[[1, 2, 3], [200, 100, 50]]])
    image.info["transparency"] = 1
    np.testing.assert_array_equal(rgb(image), [[[1, 2, 3], [255, 255, 255]]])


def test_one_bit_and_cmyk():
    np.testing.assert_array_equal(rgb(Image.new("1", (1, 1), 1)), [[[255, 255, 255]]])
    np.testing.assert_array_equal(rgb(Image.new("CMYK", (1, 1), (255, 0, 0, 0))), [[[0, 255, 255]]])


@pytest.mark.parametrize("mode", ["I", "F"])
def test_undefined_white_is_refused(mode):
    with pytest.raises(ValueError, match="white"):
        to_rgb(Image.new(mode, (2, 2)))


@pytest.mark.parametrize("shape", [(8, 8), (8, 13), (12, 8)])
def test_no_resampling_at_the_right_size(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    top, left = ((length - 8) // 2 for length in shape)
    expected = pixels[top : top + 8, left : left + 8]
    np.testing.assert_array_equal(np.asarray(square(Image.fromarray(pixels), 8)), expected)


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    shrunk = np.asarray(square(Image.fromarray(stripes), 16)).astype(int)
    assert np.abs(shrunk[:, 2:-2] - 127.5).max() < 8
