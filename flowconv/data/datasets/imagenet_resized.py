"""The new ImageNet at 8×8 to 64×64."""

from flowconv.data.dataset import Dataset


class ImagenetResized(Dataset):
    """ImageNet, downsampled with an antialiasing filter, with its 1,000 classes.

    References:
      Chrabaszcz, Loshchilov, Hutter 2017, "A downsampled variant of ImageNet as an alternative to the CIFAR datasets".
    """

    source = "imagenet_resized"
    version = "0.1.0"
    counts = {"train": 1_281_167, "validation": 50_000}
    note = (
        "the new ImageNet (Chrabaszcz et al., anti-aliased, 50,000 validation images); bits/dim do "
        "not compare with the old one, downsampled_imagenet"
    )
    has_sizes = True
