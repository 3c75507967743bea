"""CIFAR-10."""

from flowconv.data.dataset import Dataset


class CIFAR10(Dataset):
    """32×32 photographs of ten kinds of things.

    References:
      Krizhevsky 2009, "Learning multiple layers of features from tiny images".
    """

    source = "cifar10"
    version = "3.0.2"
    counts = {"train": 50_000, "test": 10_000}
