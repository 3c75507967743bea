"""Layers as layers of Keras: in functional models, saved, loaded, copied."""

import copy

import keras
import numpy as np
import pytest
import tensorflow as tf

from flowconv.testing import perturb
from tests.bijectors.test_bijectors import BIJECTORS, SHAPE, images
from tests.runs import parametrized

# That configurations make equal layers is shown of all.
SOME = ["actnorm", "conv1x1_plu", "emerging_convolution", "affine_coupling", "autoregressive", "residual", "invert"]
SOME += ["halves", "rearranged_repeated", "split_learned", "chain", "empty_chain", "repeated_invert"]
every_bijector = pytest.mark.parametrize("make", parametrized(BIJECTORS, SOME))


def results(model, x):
    return [tf.convert_to_tensor(y).numpy() for y in tf.nest.flatten(model(x))]


@every_bijector
def test_in_a_functional_model_that_is_saved_and_loaded(make, tmp_path):
    layer, x = make("float32"), images("float32")
    entry = keras.Input(SHAPE)
    model = keras.Model(entry, layer(entry))
    layer.reset_weights(0)
    perturb(layer)
    expected = results(model, x)
    for found, y in zip(expected, tf.nest.flatten(layer.forward(x)), strict=True):
        np.testing.assert_allclose(found, y, rtol=1e-6, atol=1e-6)
    model.save(tmp_path / "model.keras")
    for copied in (keras.models.load_model(tmp_path / "model.keras"), copy.deepcopy(model)):
        for found, y in zip(results(copied, x), expected, strict=True):
            np.testing.assert_array_equal(found, y)
