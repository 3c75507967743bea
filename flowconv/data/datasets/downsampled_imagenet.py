"""The old ImageNet at 32×32 and 64×64."""

from flowconv.data.dataset import Dataset


class DownsampledImagenet(Dataset):
    """The downsampled ImageNet on which RealNVP, Glow, Emerging and Flow++ report bits/dim; it has no labels.

    References:
      van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel recurrent neural networks".
    """

    source = "downsampled_imagenet"
    version = "2.0.0"
    counts = {"train": 1_281_149, "validation": 49_999}
    note = (
        "the old ImageNet (PixelRNN's, 49,999 validation images); bits/dim do not compare "
        "with the new one, imagenet_resized"
    )
    has_sizes = True
    advice = "its host distributes it no more: copy prepared data from elsewhere and give their --config.data.dir"
