"""Data sets, one a file: `data.name=cifar10` is the class in cifar10.py.

A file put here is a value of the setting at once. It holds one public `Dataset`. Whatever other name
tensorflow_datasets knows is a `Dataset`, too, of which nothing more is known.
"""

from flowconv.config.parts import DATASETS
from flowconv.data.dataset import Dataset


def dataset_class(name: str) -> type[Dataset]:
    """Returns the class in the file `name` of this folder, or that of tensorflow_datasets' data set of this name."""
    return DATASETS.load(name) if name in DATASETS else type("TfdsDataset", (Dataset,), {"source": name})
