"""`letters`: capital letters in the typefaces inside matplotlib's wheel, so nothing is downloaded."""

from collections.abc import Iterator
from string import ascii_uppercase

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw, ImageFont

from flowconv.data.dataset import Dataset, side
from flowconv.utils.typefaces import typeface

# By families, of which no two splits share one: a typeface's bold is too much like itself.
FACES = {
    "train": (
        *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
        *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
        *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    ),
    "validation": ("DejaVuSansMono", "DejaVuSansMono-Bold", "cmtt10"),
    "test": ("cmr10", "cmb10", "cmss10"),
}
COPIES = {"train": 60, "validation": 15, "test": 15}  # of each letter in each typeface, no two alike


def letter(text: str, face: str, size: int, generator: np.random.Generator) -> np.ndarray:
    """Returns a letter in white on black, a little moved, turned and scaled: uint8 `[size, size, 1]`."""
    scale, turn, *moved = generator.uniform([0.7, -10.0, -0.06, -0.06], [0.9, 10.0, 0.06, 0.06])
    image = Image.new("L", (size, size))
    middle = tuple(size * (0.5 + distance) for distance in moved)
    font = ImageFont.truetype(str(typeface(face)), size * scale)
    ImageDraw.Draw(image).text(middle, text, fill=255, font=font, anchor="mm")
    return np.asarray(image.rotate(turn, Image.Resampling.BICUBIC))[..., None]


class _Records(tfds.core.GeneratorBasedBuilder):
    """Draws the letters."""

    name = "letters"
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=f"{size}x{size}") for size in (16, 32, 64)]

    def _info(self) -> tfds.core.DatasetInfo:
        size = side(self.builder_config.name)
        features = {
            "image": tfds.features.Image(shape=(size, size, 1), encoding_format="png"),
            "label": tfds.features.ClassLabel(names=list(ascii_uppercase)),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing to download
        return {split: self._generate_examples(split, side(self.builder_config.name)) for split in FACES}

    def _generate_examples(self, split: str, size: int) -> Iterator[tuple[str, dict[str, object]]]:
        for face in FACES[split]:
            generator = np.random.default_rng(list(face.encode()))
            for text in ascii_uppercase:
                for copy in range(COPIES[split]):
                    yield f"{face} {text} {copy}", {"image": letter(text, face, size, generator), "label": text}


class Letters(Dataset):
    """Capital letters, grey, with their names as classes; train, validation and test have other typefaces."""

    source = _Records
    note = "capital letters; train, validation and test are other families of typefaces"
    has_sizes = True
