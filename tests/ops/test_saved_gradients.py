"""Gradients that a SavedModel lacks are refused, and nobody is warned of them."""

import pytest
import tensorflow as tf

from flowconv.ops.custom_gradient import custom_gradient
from flowconv.ops.saved_gradients import REFUSAL, refuse_missing_gradients
from tests.ops.derivatives import derivatives


@custom_gradient
def square(x):
    return x * x, lambda dy: dy * 2.0 * x


@custom_gradient
def cube(x):
    """Its gradient has a custom gradient, which TensorFlow doesn't save."""
    return x * x * x, lambda dy: dy * 3.0 * square(x)


@pytest.fixture
def saved(tmp_path):
    """The folder of a SavedModel of `cube`."""
    module = tf.Module()
    module.cube = tf.function(cube, [tf.TensorSpec([2])], autograph=False)
    tf.saved_model.save(module, str(tmp_path))
    return str(tmp_path)


def test_tensorflow_warns_of_gradients_that_were_not_saved(saved, caplog):
    """The control, without which the next test may fall behind TensorFlow."""
    tf.saved_model.load(saved)
    assert "unsaved custom gradients" in caplog.text


def test_a_model_is_loaded_without_a_warning_and_has_its_first_derivatives(saved, caplog):
    caplog.clear()
    before = tf.saved_model.experimental.read_fingerprint(saved)
    refuse_missing_gradients(saved)
    loaded = tf.saved_model.load(saved)
    assert not caplog.records
    x = tf.constant([2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = loaded.cube(x)
    assert y.numpy().tolist() == [8.0, 27.0] and tape.gradient(y, x).numpy().tolist() == [12.0, 27.0]
    assert derivatives(cube, x)[2].numpy().tolist() == [12.0, 18.0]  # here there are second ones
    with pytest.raises(LookupError, match=REFUSAL):
        derivatives(loaded.cube, x)
    assert tf.saved_model.experimental.read_fingerprint(saved).saved_model_checksum != before.saved_model_checksum


def test_a_model_whose_gradients_were_all_saved_stays_as_it_was(tmp_path, caplog):
    module, x = tf.Module(), tf.constant([2.0, 3.0])
    module.square = tf.function(square, [tf.TensorSpec([2])], autograph=False)
    tf.saved_model.save(module, str(tmp_path))
    refuse_missing_gradients(str(tmp_path))
    caplog.clear()  # of what saving says
    _, first, second = derivatives(tf.saved_model.load(str(tmp_path)).square, x)
    assert first.numpy().tolist() == [4.0, 6.0] and second.numpy().tolist() == [2.0, 2.0] and not caplog.records
