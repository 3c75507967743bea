"""Images that are drawn when they are asked for."""

import numpy as np
import tensorflow_datasets as tfds

from flowconv.data.dataset import Dataset


class _Records(tfds.core.GeneratorBasedBuilder):
    """Draws the images."""

    name = "stripes"
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        image = tfds.features.Image(shape=(16, 16, 1), encoding_format="png")
        label = tfds.features.ClassLabel(names=["rows", "columns"])
        features = tfds.features.FeaturesDict({"image": image, "label": label})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(seed) for seed, split in enumerate(("train", "validation", "test"))}

    def _generate_examples(self, seed):
        generator = np.random.default_rng(seed)
        for number in range(100):
            brightness = generator.integers(64, 192, (16, 1, 1)) + generator.integers(0, 32, (16, 16, 1))
            label = number % 2
            image = np.swapaxes(brightness, 0, label).astype(np.uint8)
            yield number, {"image": image, "label": label}


class Stripes(Dataset):
    """Grey rows or columns, each of one brightness and noise."""

    source = _Records
    note = "drawn at random"
