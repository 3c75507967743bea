"""How likely images are, and how typical."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from flowconv.data import evaluation_batches
from flowconv.data.progress import progress
from flowconv.models import Flow


@dataclass(frozen=True)
class Scores:
    """Of N images.

    Attributes:
      bits_per_dim: `[N]`, with one draw of noise each.
      oddness: `[N]`, |bits/dim − that of the typical image|, in standard deviations of the typical images.
    """

    bits_per_dim: np.ndarray
    oddness: np.ndarray


def bits_per_dim(flow: Flow, images: np.ndarray, seed: int, batch_size: int = 64) -> np.ndarray:
    """Returns the bits/dim of each of uint8 images `[N, H, W, C]`; the same for any batch size."""
    function = tf.function(lambda batch, first: flow.bits_per_dim(batch, seed, first), autograph=False)
    batches = evaluation_batches(images, batch_size=batch_size, rank=0, world_size=1)
    batches = progress(batches, len(batches), "scoring")
    return np.concatenate([function(batch, first)[: int(count)] for batch, first, count in batches])


def score(flow: Flow, images: np.ndarray, typical: np.ndarray, seed: int, batch_size: int = 64) -> Scores:
    """Scores images against typical ones, both uint8 `[N, H, W, C]`.

    Likelihood alone takes flat images for the most likely of all: a density is high where nothing varies. The
    typical-set score (Nalisnick et al. 2019) asks how far from the data's own bits/dim an image is, to either side.
    """
    own = bits_per_dim(flow, typical, seed, batch_size)
    bits = bits_per_dim(flow, images, seed, batch_size)
    return Scores(bits, np.abs(bits - own.mean()) / own.std())


def area_under_curve(odd: np.ndarray, normal: np.ndarray) -> float:
    """Returns the probability that an odd one's score is above a normal one's: 1 is perfect, ½ is chance."""
    above = (odd[:, None] > normal).mean() + 0.5 * (odd[:, None] == normal).mean()
    return float(above)
