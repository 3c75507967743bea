"""Agreement of all workers: on the config, the data, the versions, and on the variables that are broadcast."""

import hashlib
import json
import zlib

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import data, distributed
from flowconv.errors import UserError
from flowconv.utils.versions import versions


def check_consistency(config: ConfigDict, images: data.ImageData) -> None:
    """Makes sure, in one exchange, that all workers are about to do the same.

    Raises:
      UserError: naming what differs, and on which ranks.
    """
    everyone = distributed.gather(
        {
            "versions": json.dumps(versions()),
            "the config": json.dumps(config.to_dict(), sort_keys=True),
            "the images' fingerprint": images.fingerprint,
            "the number of training images": str(len(images.splits["train"])),
        }
    )
    _compare(everyone, "install the same everywhere, give all ranks the same flags, and the same data")


def check_same_variables(variables: list[tf.Variable]) -> None:
    """Makes sure that a broadcast of these will find the same number, shapes and dtypes on all workers.

    Raises:
      UserError: if it would not, on every worker.
    """
    text = "; ".join(f"{variable.shape} {variable.dtype}" for variable in variables)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    _compare(
        distributed.gather({"the model's variables": f"{len(variables)} ({digest})"}), "use one version everywhere"
    )


def check_same_values(variables: list[tf.Variable]) -> None:
    """Makes sure that these have the same values, bit for bit, on all workers.

    Raises:
      UserError: if they have not, on every worker.
    """
    if distributed.size() > 1:
        checksum = 0
        for variable in variables:
            checksum = zlib.crc32(np.ascontiguousarray(variable.numpy()).tobytes(), checksum)
        _compare(distributed.gather({"the weights' checksum": f"{checksum:08x}"}), "the exchange is at fault")


def _compare(everyone, cure):
    for name, first in everyone[0].items():
        for rank, theirs in enumerate(everyone):
            if theirs[name] != first:
                raise UserError(f"ranks 0 and {rank} differ in {name}: {_where(first, theirs[name])}: {cure}")


def _where(one, other):
    """The two, or from where they differ."""
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    start = max(0, same - 30)
    return f"{one[start : start + 80]} and {other[start : start + 80]}"
