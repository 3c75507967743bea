"""Any picture gets the height, width and channels that are asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flowconv.data.crop import central_patch, crop_and_resize, image_of, patches, pixels_of, to_mode


def rgb(image: Image.Image) -> np.ndarray:
    converted = to_mode(image, 3)
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
        to_mode(Image.new(mode, (2, 2)), 3)


@pytest.mark.parametrize("shape", [(8, 8), (8, 13), (12, 8)])
def test_no_resampling_at_the_right_size(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    top, left = ((length - 8) // 2 for length in shape)
    expected = pixels[top : top + 8, left : left + 8]
    np.testing.assert_array_equal(np.asarray(crop_and_resize(Image.fromarray(pixels), (8, 8))), expected)


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    shrunk = np.asarray(crop_and_resize(Image.fromarray(stripes), (16, 16))).astype(int)
    assert np.abs(shrunk[:, 2:-2] - 127.5).max() < 8


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_any_mode_gets_any_channels(mode, channels):
    pixels = pixels_of(to_mode(Image.new(mode, (3, 2), 1), channels))
    assert pixels.shape == (2, 3, channels) and pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels_of(image_of(pixels)), pixels)


def test_transparency_is_kept_where_there_is_a_channel_for_it():
    image = image_of(np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8))
    assert pixels_of(to_mode(image, 4))[..., 3].tolist() == [[255, 0]]
    assert pixels_of(to_mode(image, 2))[..., 1].tolist() == [[255, 0]]
    assert pixels_of(to_mode(image, 1))[0, 1].tolist() == [255]


sides = st.integers(1, 40)


@settings(max_examples=50, deadline=None)
@given(of=st.tuples(sides, sides), to=st.tuples(sides, sides), channels=st.integers(1, 4))
def test_any_size_from_any_size(of, to, channels):
    """What is cut out has the shape that is asked for, as nearly as whole pixels do, and is as large as can be."""
    image = image_of(np.full((*of, channels), 255, np.uint8))
    for result in (crop_and_resize(image, to), central_patch(image, to), *patches(image, to)):
        assert pixels_of(result).shape == (*to, channels)
        assert pixels_of(result).min() == 255
    whole = min(of[0] // to[0], of[1] // to[1])
    assert len(patches(image, to)) == max(1, (of[0] // to[0]) * (of[1] // to[1]))
    if whole and of == (whole * to[0], whole * to[1]):  # nothing is cut off
        rows = np.random.default_rng(0).integers(0, 256, (*of, channels), np.uint8)
        resized = image_of(rows).resize(to[::-1], Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(pixels_of(crop_and_resize(image_of(rows), to)), pixels_of(resized))


@pytest.mark.parametrize("take", [crop_and_resize, patches, central_patch])
def test_what_was_read_is_not_too_large_to_be_cut(take, monkeypatch, recwarn):
    """Pillow's limit is on what is cut out, too."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    image = Image.new("RGB", (16, 12))
    with pytest.raises(Image.DecompressionBombError):
        image.crop((0, 0, 12, 12))
    take(image, (12, 12))
    assert not recwarn.list and Image.MAX_IMAGE_PIXELS == 50
