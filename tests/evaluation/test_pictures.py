"""Sheets of images of one to four channels, their words, and what their files say."""

import numpy as np
import pytest
from PIL import Image

from flowconv.core.no_image import no_image
from flowconv.evaluation import pictures
from flowconv.evaluation.sheets import BORDER, LEAST_SIDE, Sheet, grid, of_grey

MODES = [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")]


def images_of(channels, count=3):
    return np.random.default_rng(0).integers(0, 256, (count, 4, 5, channels), np.uint8)


@pytest.mark.parametrize(("channels", "mode"), MODES)
def test_any_channels_are_drawn_as_they_are(tmp_path, channels, mode):
    images = images_of(channels)
    sheet = grid(images, columns=2)
    assert sheet.shape == (2 * 6 + 2, 2 * 7 + 2, channels)
    np.testing.assert_array_equal(sheet[8:12, 2:7], images[2])
    pictures.save(tmp_path / "grid.png", sheet, least_side=14)
    with Image.open(tmp_path / "grid.png") as written:
        assert written.mode == mode
        np.testing.assert_array_equal(np.asarray(written).reshape(sheet.shape), sheet)


def found_in(drawn, image):
    """The corner of the only place at which an image stands in a picture."""
    places = np.lib.stride_tricks.sliding_window_view(drawn, image.shape)[:, :, 0]
    (place,) = np.argwhere((places == image).all(axis=(2, 3, 4)))
    return tuple(int(each) for each in place)


WORDS = {
    "title": {"title": "8 samples at temperature 0.7"},
    "rows": {"rows": ["cat", "dog"]},
    "headings": {"headings": ["original", "back"]},
    "captions": {"captions": ["a.png\n3.1 bits/dim", "b.png\n4.2", "c.png"]},
    "bar": {"bar": ("0", "0.1")},
}
ALL = {name: value for words in WORDS.values() for name, value in words.items()}


@pytest.mark.parametrize("words", [*WORDS, "all", "none"])
@pytest.mark.parametrize(("channels", "mode"), MODES)
def test_words_stand_beside_the_images_and_never_on_them(words, channels, mode):
    sheet = Sheet(images_of(channels), 2, **{"all": ALL, "none": {}}.get(words, WORDS.get(words)))
    drawn = sheet.drawn(least_side=40)
    large = sheet.images.repeat(10, axis=1).repeat(10, axis=2)
    corners = [found_in(drawn, image) for image in large]
    assert corners[1] == (corners[0][0], corners[0][1] + 50 + BORDER) and corners[2][1] == corners[0][1]
    left = drawn.copy()  # and white elsewhere, but for words
    for row, column in corners:
        left[row : row + 40, column : column + 50] = 255
    if channels in (2, 4):
        assert np.all(left[..., -1] == 255)
    assert np.any(left < 128) == (words != "none")


def test_longer_words_are_shortened_or_the_sheet_is_wider():
    images = images_of(3)
    short, long = (Sheet(images, 2, **{name: words}).drawn() for name, words in (("rows", ["a"]), ("rows", ["a" * 99])))
    assert short.shape[1] < long.shape[1] < short.shape[1] + 200
    plain, titled, headed = Sheet(images, 2), Sheet(images, 2, "t" * 99), Sheet(images, 2, headings=["h" * 99] * 2)
    assert plain.drawn().shape[1] < titled.drawn().shape[1] and plain.drawn().shape[1] == headed.drawn().shape[1]


@pytest.mark.parametrize(
    "words", ["", "a", "Ünï ≥ 図 дом", "\x1b]0;title\x07\udce9", "two\rlines", "x" * 1000], ids=range(6)
)
def test_any_words_are_drawn(words):
    """Names of files and classes may be anything."""
    sheet = Sheet(images_of(3), 2, words, [words] * 2, [words] * 2, [words] * 3, (words, words))
    assert sheet.drawn().dtype == np.uint8


def test_letters_are_not_all_the_same_box():
    """As those are which a font lacks: class names are in any language."""
    drawn = [Sheet(images_of(3), 3, letter * 5).drawn() for letter in "éдλ×"]
    assert len({picture.tobytes() for picture in drawn}) == 4


def test_a_file_says_what_it_shows(tmp_path):
    sheet = Sheet(images_of(3), 2, "3 samples")
    facts = {"run": "Läufe\udce9/図", "step": 640, "temperature": 0.7, "seed": 0, "unknown": None}
    pictures.save_sheet(tmp_path / "sheet.png", sheet, facts)
    with Image.open(tmp_path / "sheet.png") as written:
        told, shape = written.text, (*written.size[::-1], 3)
    assert told.pop("Software").startswith("flowconv ")
    assert told == {
        "Title": "3 samples",
        "grid": f"2 x 2 images of 4 x 5, enlarged {LEAST_SIDE // 4} times",
        "run": "Läufe\\udce9/図",
        "step": "640",
        "temperature": "0.7",
        "seed": "0",
    }
    assert sheet.drawn().shape == shape


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_what_no_image_is_can_be_seen(channels):
    board = no_image(8, 8, channels)
    assert board.shape == (8, 8, channels) and board.dtype == np.uint8
    assert len({tuple(pixel) for pixel in board.reshape(-1, channels)}) == 2
    if channels in (2, 4):
        assert np.all(board[..., -1] == 255)


def test_grey_has_no_transparency():
    for channels in (1, 2, 3, 4):
        shown = of_grey(np.full((2, 2, 1), 7, np.uint8), channels)
        assert shown.shape == (2, 2, channels)
        assert shown[0, 0].tolist() == {1: [7], 2: [7, 255], 3: [7] * 3, 4: [7, 7, 7, 255]}[channels]


def test_a_title_says_how_samples_were_drawn():
    assert pictures.sample_title(4, 0.7, 3) == "4 samples at temperature 0.7, seed 3"
    how = {"guidance": "2", "noise": "taken out"}
    assert pictures.sample_title(1, 0.0, 3, how) == "1 sample at temperature 0, guidance 2, noise taken out"
