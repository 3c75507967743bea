"""The loss of training on noisy images."""

from flowconv.evaluation.metric import Metric


class BitsPerDimOfNoisyImages(Metric):
    """−log₂ of the density of images with Gaussian noise, over their numbers: no bound on the bits/dim of bytes."""

    names = {"train": "bits_per_dim_of_noisy_images"}
    title, unit, format = "bits/dim of noisy images", "bits/dim", ".4f"
    better = "lower"
    order = 11
    line = "bits/dim of noisy images"

    def compute(self, measured):
        return measured.bits_per_dim if measured.of_noisy_images else None
