"""CelebA-HQ."""

from flowconv.data.dataset import Dataset


class CelebAHQ(Dataset):
    """30,000 faces of celebrities, in each power of two up to 1024×1024; it has no labels.

    References:
      Karras, Aila, Laine, Lehtinen 2018, "Progressive growing of GANs for improved quality, stability, and variation".
    """

    source = "celeb_a_hq"
    version = "2.0.0"
    counts = {"train": 30_000}
    note = "test is the last tenth in the order of tensorflow_datasets, not the 3,000 images of Glow's files"
    has_sizes = True
