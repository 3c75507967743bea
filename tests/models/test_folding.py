"""What the paper's shift adds to Glow: nothing that its weights could not hold."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.models import glow
from flowconv.models.folding import fold_shift
from flowconv.testing import flattened, perturb


def build(convolution, seed, **options):
    flow = glow((8, 8, 3), levels=2, depth=3, width=8, convolution=convolution, precision="float64", **options)
    flow.reset_weights(seed)
    perturb(flow, 0.1, seed)
    return flow


@pytest.mark.parametrize("parameterization", ["plu", "direct", "qr", "orthogonal"])
def test_a_folded_flow_is_the_same_function(parameterization):
    flow, glow = (
        build(name, seed, parameterization=parameterization) for seed, name in enumerate(["shift", "conv1x1"])
    )
    x = tf.constant(np.random.default_rng(0).uniform(size=(4, 8, 8, 3)))
    assert np.max(np.abs(glow.log_prob(x) - flow.log_prob(x))) > 1.0
    fold_shift(flow, glow)
    np.testing.assert_allclose(glow.log_prob(x), flow.log_prob(x), rtol=1e-12)
    np.testing.assert_allclose(flattened(glow.encode(x)), flattened(flow.encode(x)), atol=1e-10)
    assert glow.parameters < flow.parameters


def test_only_shifts_per_channel_fold():
    with pytest.raises(ValueError, match="one α and β a channel"):
        fold_shift(build("shift", 0, shift="position"), build("conv1x1", 1))
    with pytest.raises(ValueError, match="one α and β a channel"):
        fold_shift(build("conv1x1", 0), build("conv1x1", 1))
    with pytest.raises(ValueError, match="must differ in its convolution"):
        fold_shift(build("shift", 0), build("conv1x1", 1, prior="learned"))
