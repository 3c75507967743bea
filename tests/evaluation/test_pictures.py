"""Grids of images of one to four channels."""

import numpy as np
import pytest
from PIL import Image

from flowconv.evaluation import pictures


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_any_channels_are_drawn_as_they_are(tmp_path, channels, mode):
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5, channels), np.uint8)
    sheet = pictures.grid(images, columns=2)
    assert sheet.shape == (2 * 6 + 2, 2 * 7 + 2, channels)
    np.testing.assert_array_equal(sheet[8:12, 2:7], images[2])
    pictures.save(tmp_path / "grid.png", sheet, least_side=14)
    with Image.open(tmp_path / "grid.png") as written:
        assert written.mode == mode
        np.testing.assert_array_equal(np.asarray(written).reshape(sheet.shape), sheet)
