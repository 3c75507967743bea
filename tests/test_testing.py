"""The proof of anybody's layer: it passes what is right, and notices each thing that is wrong."""

import pytest
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors import NONE, Chain
from flowconv.testing import check_bijector
from tests.layers import Conditioned, Counting, Noisy, OfLabels, a_condition, affine_coupling

SHAPE = (2, 2, 2)
RIGHT = {
    "coupling": (lambda: affine_coupling(4), None),
    "squeeze": (bijectors.Squeeze, None),
    "split": (bijectors.Split, None),
    "logit": (bijectors.Logit, None),
    "condition": (lambda: Conditioned(dtype="float64"), a_condition(3, SHAPE)),
    "labels": (OfLabels, tf.constant([3, 0, 1])),
    "seed": (Noisy, None),
    "state": (Counting, None),
    "all of it": (
        lambda: Chain([part(dtype="float64") for part in (Counting, Noisy, Conditioned)], dtype="float64"),
        a_condition(3, SHAPE),
    ),
}


@pytest.mark.parametrize(("make", "condition"), RIGHT.values(), ids=RIGHT.keys())
def test_what_is_right_passes(make, condition):
    check_bijector(make, SHAPE, condition)


class WrongInverse(bijectors.InvertibleShift):
    def inverse_and_log_det(self, y, inputs=NONE):
        return y * tf.exp(-self.log_alpha), -self.log_det(y)


class WrongLogDet(bijectors.InvertibleShift):
    def log_det(self, x):
        return super().log_det(x) / 4.0


class WrongGradient(bijectors.InvertibleShift):
    def inverse_and_gradients(self, y, dy, dlog_det, inputs=NONE):
        return super().inverse_and_gradients(y, 2.0 * dy, dlog_det, inputs)


class DeadWeight(bijectors.InvertibleShift):
    def build(self, input_shape):
        super().build(input_shape)
        self.dead = self.add_weight(shape=(), initializer="ones", name="dead")


class ForgetsItsArguments(bijectors.Roll):
    def __init__(self, kernel_size=3, **kwargs):
        super().__init__(kernel_size, **kwargs)

    def get_config(self):
        return super().get_config() | {"kernel_size": 1}


class WrongUnderXLA(bijectors.InvertibleShift):
    def forward_and_log_det(self, x, inputs=NONE):
        y, log_det = super().forward_and_log_det(x, inputs)
        return y + (0.0 if tf.executing_eagerly() else 0.1), log_det


class OtherNoiseBack(Noisy):
    def inverse_and_log_det(self, y, inputs=NONE):
        return super().inverse_and_log_det(y, inputs.fold_in(0))


class CutsTheCondition(Conditioned):
    """Its gradient by hand has none of the condition."""

    def inverse_and_gradients(self, y, dy, dlog_det, inputs=NONE):
        x, gradients = super().inverse_and_gradients(y, dy, dlog_det, inputs)
        return x, gradients._replace(condition=[tf.zeros_like(each) for each in gradients.condition])


class LogDetOfTheBatch(bijectors.InvertibleShift):
    def log_det(self, x):
        return tf.reduce_sum(super().log_det(x))


WRONG = {
    "inverse": (WrongInverse, r"inverse\(forward\(x\)\) is off"),
    "log-determinant": (WrongLogDet, "the log-determinant of example 0 is off"),
    "its shape": (LogDetOfTheBatch, r"log-determinants are not \[B\]"),
    "gradient": (WrongGradient, "gradient 0 of inverse_and_gradients is off"),
    "weight": (DeadWeight, "dead has no influence"),
    "configuration": (ForgetsItsArguments, "that was made of the configuration is off"),
    "XLA": (WrongUnderXLA, "by XLA is off|example 0 is off"),
    "seed": (OtherNoiseBack, r"inverse\(forward\(x\)\) is off"),
    "condition": (CutsTheCondition, "gradient 1 of inverse_and_gradients is off"),
}


@pytest.mark.parametrize(("make", "line"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_fails(make, line):
    condition = a_condition(3, SHAPE, "float32") if issubclass(make, Conditioned) else None
    with pytest.raises(AssertionError, match=line):
        check_bijector(make, SHAPE, condition)
