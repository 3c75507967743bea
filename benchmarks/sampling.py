"""Part "sampling": samples of a trained autoregressive flow, by every way its inverse can go."""

import contextlib
import functools
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ml_collections import ConfigDict

from benchmarks.alternate import alternate, median, ratio
from benchmarks.options import Options
from benchmarks.workers import answer_of
from flowconv import process
from flowconv.config.fields import sides
from flowconv.workdir import Workdir

BATCH_SIZE = 16
SEQUENTIAL = "one token after the other, nothing kept"
CACHED = "one token after the other, keys and values kept"
JACOBI = "all tokens at once"


def measure(options: Options) -> dict:
    """Returns `sampling`: by way, images_per_second and times_as_fast as one token after the other; all rounds."""
    measured = answer_of(__name__, str(options.workdir), str(options.rounds))
    print(f"\nsamples of {options.workdir}, {BATCH_SIZE} at a time, images/s; times as fast as the first")
    for name, figures in measured["ways"].items():
        print(f"{name:<52}{figures['images_per_second']:>10.2f}{figures['times_as_fast']:>8.2f}", flush=True)
    far = measured["largest_difference"]
    told = "others are not finite in another way" if far is None else f"at most {far:.2g} of a pixel level apart"
    print(f"samples of two ways: {told}; not finite in the first: {measured['not_finite']} of {BATCH_SIZE}", flush=True)
    return {"sampling": measured}


def alternated(workdir: str, rounds: int) -> dict[str, Any]:
    """Returns the figures of a run's samples, by ways in turns, with the same seeds."""
    steps = _steps(Workdir(workdir).load_config())
    parts = [parts for parts in (2, 4, 8, 16, 32) if parts < steps and steps % parts == 0]
    ways = {
        SEQUENTIAL: _drawing(workdir, 1, nothing_kept()),
        CACHED: _drawing(workdir, steps),
        JACOBI: _drawing(workdir),
    }
    ways |= {f"in {number} parts of the order": _drawing(workdir, number) for number in parts}
    drawn = {name: draw(0)[1] for name, draw in ways.items()}  # traces, too
    seeds = iter(range(1, 1 + rounds * len(ways)))

    def ask(draw: Callable[[int], Any]) -> dict[str, float]:
        return {"seconds": draw(1 + next(seeds) // len(ways))[0]}

    measured = alternate({name: functools.partial(ask, draw) for name, draw in ways.items()}, rounds)
    return {
        "steps": steps,
        "batch_size": BATCH_SIZE,
        "ways": {
            name: {
                "images_per_second": BATCH_SIZE / median(answers),
                "times_as_fast": ratio(measured, SEQUENTIAL, name),
                "rounds": answers,
            }
            for name, answers in measured.items()
        },
        **_agreement(drawn[SEQUENTIAL], list(drawn.values())),
    }


def _agreement(first: Any, samples: Sequence[Any]) -> dict[str, float | None]:
    """The distance of samples from the first ones, and how many of these are NaN: where an inverse has no exact result.

    The distance is None where samples of another way are NaN.
    """
    import numpy as np

    lost = np.isnan(first).any((1, 2, 3))
    if any((np.isnan(each).any((1, 2, 3)) != lost).any() for each in samples):
        return {"largest_difference": None, "not_finite": int(lost.sum())}
    largest = max(np.max(np.abs(each[~lost] - first[~lost]), initial=0.0) for each in samples)
    return {"largest_difference": float(largest), "not_finite": int(lost.sum())}


def _steps(config: ConfigDict) -> int:
    """The length of the order of a run's layers: the patches of an image."""
    return math.prod(sides(config.data.image_size)) // config.model.patch_size**2


def _drawing(workdir: str, segments: int = 1, traced: contextlib.AbstractContextManager | None = None) -> Callable:
    """A function that draws a batch by a seed, and returns the seconds that took, and the batch in pixel levels."""
    import tensorflow as tf

    from flowconv.inference import load

    flow = load.load_run(workdir, segments=segments).flow
    draw = tf.function(lambda seed: flow.sample(BATCH_SIZE, 1.0, seed), autograph=False)
    with traced or contextlib.nullcontext():
        draw = draw.get_concrete_function(tf.TensorSpec([], tf.int32))

    def drawing(seed: int) -> tuple[float, Any]:
        started = time.perf_counter()
        x = draw(tf.constant(seed)).numpy()
        return time.perf_counter() - started, 2.0**flow.dequantization.n_bits * x

    return drawing


@contextlib.contextmanager
def nothing_kept() -> Iterator[None]:
    """Has inverses go through the order step by step while a block runs, each by one evaluation for all tokens.

    It is what a program does that neither keeps keys and values nor looks whether later tokens are right already.
    """
    import tensorflow as tf

    from flowconv.bijectors import Autoregressive
    from flowconv.core.inputs import NONE

    def solve(layer: Any, y: tf.Tensor, inputs: Any = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        def step(number: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return number + 1, tf.ensure_shape(layer._better(x, y, inputs), y.shape)

        steps = layer.network.steps
        _, x = tf.while_loop(lambda number, x: number < steps, step, (tf.constant(0), y), maximum_iterations=steps)
        return tf.stop_gradient(x), tf.constant(steps)

    original = Autoregressive.solve
    Autoregressive.solve = solve  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Autoregressive.solve = original  # type: ignore[method-assign]


if __name__ == "__main__":
    process.prepare()
    print(json.dumps(alternated(sys.argv[1], int(sys.argv[2]))))
