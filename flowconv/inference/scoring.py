"""How likely images are, and how typical."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from flowconv.data import evaluation_batches, first_of
from flowconv.data.batches import Examples
from flowconv.models import Flow
from flowconv.utils.progress_bar import progress


@dataclass(frozen=True)
class Scores:
    """Of N images.

    Attributes:
      bits_per_dim: `[N]`, with one draw of noise each.
      oddness: `[N]`, |bits/dim − that of the typical image|, in standard deviations of the typical images; None if
        these have no deviation, as a single one.

    Example:
      >>> import numpy as np
      >>> from flowconv.inference.scoring import Scores
      >>> scores = Scores(bits_per_dim=np.array([1.0, 4.0]), oddness=np.array([6.0, 0.5]))
      >>> int(scores.oddness.argmax())
      0
    """

    bits_per_dim: np.ndarray
    oddness: np.ndarray | None


@dataclass(frozen=True)
class Typical:
    """The bits/dim of typical images: their mean, and their standard deviation.

    Example:
      >>> from flowconv.inference.scoring import Typical
      >>> typical = Typical(mean=4.0, deviation=0.5)
      >>> abs(1.0 - typical.mean) / typical.deviation
      6.0
    """

    mean: float
    deviation: float


def bits_per_dim(flow: Flow, examples: Examples, seed: int, batch_size: int = 64, name: str = "images") -> np.ndarray:
    """Returns the bits/dim of each image of examples, called `name`; the same for any batch size.

    Example:
      >>> import numpy as np
      >>> from flowconv import models
      >>> from flowconv.inference.scoring import bits_per_dim
      >>> flow = models.nice_original((4, 4, 1), depth=2, width=8, network="mlp", preprocessing="centre")
      >>> drawn = flow.reset_weights(seed=0)
      >>> bits_per_dim(flow, {"image": np.zeros([3, 4, 4, 1], np.uint8)}, seed=0, batch_size=3).shape
      (3,)
    """
    return _scored(_scorer(flow, seed), examples, name, batch_size)


def _scorer(flow, seed):
    """The bits/dim of a batch, as a function that is traced once for all examples that it scores."""

    @tf.function(autograph=False)
    def function(batch):
        return flow.bits_per_dim(batch["image"], seed, batch["position"], condition=flow.condition_of(batch))

    return function


def _scored(scorer, examples, name, batch_size=64):
    batches = evaluation_batches(examples, batch_size=batch_size, rank=0, world_size=1)
    batches = progress(batches, len(batches), f"scoring {name}", "batches")
    return np.concatenate([scorer(batch)[: int(batch["count"])] for batch in batches])


def typical_of(flow: Flow, examples: Examples, seed: int, name: str = "the test split") -> Typical:
    """Returns what is typical of the images of examples, called `name`.

    Example:
      >>> import numpy as np
      >>> from flowconv import models
      >>> from flowconv.inference.scoring import typical_of
      >>> flow = models.nice_original((4, 4, 1), depth=2, width=8, network="mlp", preprocessing="centre")
      >>> drawn = flow.reset_weights(seed=0)
      >>> images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1), np.uint8)
      >>> typical_of(flow, {"image": images}, seed=0).deviation > 0.0
      True
    """
    return _typical(bits_per_dim(flow, examples, seed, name=name))


def _typical(bits):
    return Typical(float(bits.mean()), float(bits.std()))


def score(flow: Flow, examples: Examples, typical: Typical, seed: int, batch_size: int = 64) -> Scores:
    """Scores the images of examples against typical ones.

    Likelihood alone takes flat images for the most likely of all: a density is high where nothing varies. The
    typical-set score (Nalisnick et al. 2019) asks how far from the data's own bits/dim an image is, to either side.

    Example:
      >>> import numpy as np
      >>> from flowconv import models
      >>> from flowconv.inference.scoring import Typical, score
      >>> flow = models.nice_original((4, 4, 1), depth=2, width=8, network="mlp", preprocessing="centre")
      >>> drawn = flow.reset_weights(seed=0)
      >>> scores = score(flow, {"image": np.zeros([3, 4, 4, 1], np.uint8)}, Typical(8.0, 0.5), seed=0, batch_size=3)
      >>> scores.oddness.shape
      (3,)
    """
    return _compare(bits_per_dim(flow, examples, seed, batch_size), typical)


def _compare(bits, typical):
    return Scores(bits, np.abs(bits - typical.mean) / typical.deviation if typical.deviation > 0 else None)


@dataclass(frozen=True)
class Detection:
    """How well one kind of odd image is told from the data's own.

    Attributes:
      bits_per_dim: mean of the odd ones; of the data's own ones in the row "own".
      by_bits_per_dim, by_oddness: area under the curve, ranking by either; None in the row "own". The latter is None
        where no oddness is known.

    Example:
      >>> from flowconv.inference.scoring import Detection
      >>> Detection(bits_per_dim=1.5, by_bits_per_dim=0.1, by_oddness=0.9).by_oddness
      0.9
    """

    bits_per_dim: float
    by_bits_per_dim: float | None = None
    by_oddness: float | None = None


def odd_images(images: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Returns as many images as given, uint8 `[N, H, W, C]`, of each kind: noise, flat colours, the given inverted.

    Example:
      >>> import numpy as np
      >>> from flowconv.inference.scoring import odd_images
      >>> sorted(odd_images(np.zeros([3, 4, 4, 1], np.uint8), seed=0))
      ['flat', 'inverted', 'noise']
    """
    generator = np.random.default_rng(seed)
    colours = generator.integers(0, 256, (len(images), 1, 1, images.shape[-1]), np.uint8)
    return {
        "noise": generator.integers(0, 256, images.shape, np.uint8),
        "flat": np.broadcast_to(colours, images.shape).copy(),
        "inverted": 255 - images,
    }


def detect(flow: Flow, examples: Examples, count: int, seed: int) -> dict[str, Detection]:
    """Scores `count` of the images and as many odd ones of each kind; the other images say what is typical.

    Args:
      flow: the model.
      examples: of the test split, more than `count`. Odd images have the labels of those in whose place they are.
      count: images of each kind.
      seed: of the odd images and the dequantization noise.

    Example:
      >>> import numpy as np
      >>> from flowconv.bijectors import ActNorm
      >>> from flowconv.inference.scoring import detect
      >>> from flowconv.models import Flow, StandardNormal
      >>> from flowconv.surjections.uniform import UniformDequantization
      >>> flow = Flow(UniformDequantization(), ActNorm(), StandardNormal(), (4, 4, 1))
      >>> images = np.random.default_rng(0).integers(0, 256, (4, 4, 4, 1), np.uint8)
      >>> sorted(detect(flow, {"image": images}, count=2, seed=0))
      ['flat', 'inverted', 'noise', 'own']
    """
    own, others = first_of(examples, count), {name: array[count:] for name, array in examples.items()}
    scorer = _scorer(flow, seed)
    typical = _typical(_scored(scorer, others, "typical images of the test split"))
    normal = _compare(_scored(scorer, own, "other images of it"), typical)
    found = {"own": Detection(float(normal.bits_per_dim.mean()))}
    for kind, odd in odd_images(own["image"], seed).items():
        scores = _compare(_scored(scorer, own | {"image": odd}, f"odd images, {kind}"), typical)
        found[kind] = Detection(
            float(scores.bits_per_dim.mean()),
            area_under_curve(scores.bits_per_dim, normal.bits_per_dim),
            None if scores.oddness is None else area_under_curve(scores.oddness, normal.oddness),
        )
    return found


def area_under_curve(odd: np.ndarray, normal: np.ndarray) -> float:
    """Returns the probability that an odd one's score is above a normal one's: 1 is perfect, ½ is chance.

    Example:
      >>> import numpy as np
      >>> from flowconv.inference.scoring import area_under_curve
      >>> area_under_curve(odd=np.array([3.0, 1.0]), normal=np.array([2.0]))
      0.5
    """
    above = (odd[:, None] > normal).mean() + 0.5 * (odd[:, None] == normal).mean()
    return float(above)
