"""Two workers that exchange gradients compressed and not, and configs: for tests/distributed/test_exchange.py."""

import types

import numpy as np
import pytest
import tensorflow as tf

from flowconv import distributed, preflight
from flowconv.config import default_config
from flowconv.errors import UserError
from flowconv.models import build_flow
from flowconv.training.step import build_step

distributed.initialize()
rank = distributed.rank()
generator = np.random.default_rng(rank)


@tf.function(autograph=False)
def exchange(gradients, loss, compression, groups=None):
    return distributed.average_gradients(gradients, loss, compression, groups)


# Of all sizes, whose sum or which themselves float16 could not hold; one that is zero, one that one worker has as zero.
magnitudes = [1.0, 4e4, 6.5e4, 1e30, 1e-7, 1e-30, 0.0]
gradients = [tf.constant(size * generator.uniform(0.5, 1.0, (3, 5)), tf.float32) for size in magnitudes]
gradients += [tf.constant([4e4, 4e4]), tf.constant([1e5 * rank]), tf.constant(3e38 * (1 - 2 * rank))]
loss = tf.constant(1e6 + 0.125 * rank)
exact, exact_loss = exchange(gradients, loss, "none")
rounded, rounded_loss = exchange(gradients, loss, "fp16")
assert float(exact_loss) == float(rounded_loss) == 1e6 + 0.0625
for a, b in zip(exact, rounded, strict=True):
    assert a.dtype == b.dtype == tf.float32 and np.all(np.isfinite(b))
    np.testing.assert_allclose(b, a, rtol=2.0**-10, atol=0)
assert np.all(rounded[7] == [4e4, 4e4])

# In groups, they are what they are together; on three ranks and more that holds to rounding.
for compression, together in {"none": (exact, exact_loss), "fp16": (rounded, rounded_loss)}.items():
    apart = exchange(gradients, loss, compression, [[8, 9], [3, 0, 7], [6, 1, 2, 4, 5]])
    for a, b in zip(tf.nest.flatten(apart), tf.nest.flatten(together), strict=True):
        np.testing.assert_array_equal(a, b)

# What isn't finite on one worker isn't on any.
for value in (np.nan, np.inf):
    poisoned = [tf.ones(3), tf.constant([1.0, value if rank == 1 else 1.0, 1.0])]
    good, bad = exchange(poisoned, loss, "fp16")[0]
    assert np.all(good == 1.0) and not np.isfinite(bad[1]), (good, bad)


def weights_after_steps(compression):
    """Those after three steps, and one that is skipped by both, since a weight of the second is not a number."""
    config = default_config()
    config.model.levels, config.model.depth, config.model.width = 2, 1, 4  # so that there are two groups
    config.data.image_size, config.optimizer.warmup_images = 8, 32
    config.distributed.compression = compression
    flow = build_flow(config)
    step = build_step(config, flow)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 8, 3), np.uint8)[rank]
    flow.initialize(pixels, 0, 8 * rank, distributed.average)
    for i in range(4):
        variable = flow.trainable_variables[0]
        kept = variable.numpy()
        if i == 2 and rank == 1:
            variable.assign(np.full(kept.shape, np.nan))
        figures = step({"image": tf.constant(pixels), "position": tf.constant(16 * i + 8 * rank, tf.int64)})
        assert int(figures["skipped"]) == (i == 2)
        if i == 2:
            variable.assign(kept)
    return np.concatenate([variable.numpy().ravel() for variable in flow.trainable_variables])


plain, half = weights_after_steps("none"), weights_after_steps("fp16")
difference = np.linalg.norm(plain - half) / np.linalg.norm(plain)
assert 0 < difference < 1e-4, difference
assert np.all(np.isfinite(half))

# A maximum keeps what isn't a number, whoever has it.
for holder in (0, 1):
    largest = distributed.maximum(tf.constant([1.0 + rank, np.nan if rank == holder else 0.5], tf.float64))
    assert largest[0] == 2.0 and np.isnan(largest[1]), (holder, largest)
assert distributed.maximum(tf.constant(-np.inf)) == -np.inf

# Ranks that are about to do different things are named, on both.
config = default_config()
config.seed += rank
images = types.SimpleNamespace(fingerprint="0123", splits={"train": range(5)})
with pytest.raises(UserError, match=r"ranks 0 and 1 differ in the config: .*seed"):
    preflight.check_consistency(config, images)

sums = distributed.gather(float(np.sum(half, dtype=np.float64)))
assert sums[0] == sums[1], sums
if distributed.is_root():
    print(f"exchanged {difference:.2g}", flush=True)
