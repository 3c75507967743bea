"""The residual layer: contractions, the estimated log-determinant and its gradient, the inverse, and refusals."""

import functools
import math

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import NONE, Inputs, Repeated, Residual, Seed
from flowconv.conditions.class_ import ClassCondition
from flowconv.core.lipschitz_network import LipschitzNetwork
from flowconv.networks.glow import GlowNetwork
from flowconv.networks.l2_attention import L2AttentionNetwork, tokens_factor
from flowconv.networks.layers import lipschitz
from flowconv.networks.layers.lipschitz import LipSwish
from flowconv.networks.lipschitz_convolution import LipschitzConvolutionNetwork
from flowconv.ops.log_det_series import estimated_log_det, exact_log_det
from flowconv.testing import (
    check_bijector,
    check_compiles,
    check_depth_loop,
    check_gradients,
    check_log_det,
    check_round_trip,
    images,
    jacobians,
    perturb,
    perturbed,
)
from tests.runs import FULL, in_full, parametrized

NETWORKS = {
    "convolution": functools.partial(LipschitzConvolutionNetwork, 16, dtype="float64"),
    "first convolution": functools.partial(LipschitzConvolutionNetwork, 16, preactivation=False, dtype="float64"),
    "attention": functools.partial(L2AttentionNetwork, 8, 2, 2, dtype="float64"),
}
every_network = pytest.mark.parametrize("name", NETWORKS)
SHAPE = (4, 4, 4)  # 64 numbers


class Times(LipschitzNetwork):
    """factor·x, whatever contraction it claims to be."""

    def __init__(self, factor, contraction=0.9, **kwargs):
        super().__init__(contraction, **kwargs)
        self.factor = factor

    def call(self, x, inputs=NONE):
        return self.factor * x


def residual(network, **settings):
    return Residual(network, dtype="float64", **settings)


def built(network, scale=0.5, shape=SHAPE, **settings):
    return perturbed(residual(network, **settings), shape, scale=scale)


def normal(count=2, shape=SHAPE, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal((count, *shape)))


@pytest.mark.parametrize("name", ["convolution", "attention"] if FULL else ["convolution"])
def test_a_residual_layer_is_proven(name):
    """Round trip, exact log-determinant, gradients, depth, XLA, and the configuration."""
    check_bijector(lambda: residual(NETWORKS[name]()), (2, 4, 2), tolerance=1e-8)


def test_an_estimate_is_the_same_whichever_way_it_is_computed():
    """In three ways of a depth loop, by XLA, and of a layer whose input is known."""
    make = functools.partial(lambda: residual(NETWORKS["convolution"](), exact_dims=0, evaluation_terms=3))
    layer, x, inputs = perturbed(make(), (2, 2, 2)), images((2, 2, 2), "float64"), Inputs(seed=Seed(3))
    check_round_trip(layer, x, inputs, 1e-8)
    check_gradients(layer, x, inputs, 1e-8)
    check_compiles(layer, x, inputs, 1e-8)
    check_depth_loop(make, x, inputs, 1e-8)


def draws_of(layer, x, count, **inputs):
    """Estimates of one image's log-determinant, `[count]`."""
    function = tf.function(layer.forward_log_det_jacobian, autograph=False)
    return function(tf.repeat(x, count, axis=0), Inputs(seed=Seed(5), **inputs)).numpy()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["convolution", "attention"])
def test_the_mean_over_draws_is_the_exact_log_determinant(name, training):
    """Within two standard errors, of an image of 64 numbers."""
    layer, x, count = built(NETWORKS[name](), scale=2.0, exact_dims=0), normal(1), 2000
    for convolution in getattr(layer.network, "convolutions", []):
        convolution.bias.assign(5.0 + convolution.bias.value)  # where activations are steep
    estimates = draws_of(layer, x, count, training=training)
    _, exact = exact_log_det(layer.residual, x)
    error = estimates.std() / math.sqrt(count)
    assert abs(estimates.mean() - float(exact[0])) <= 2.0 * error
    assert error < 0.1 and abs(float(exact[0])) > 3.0 * error, "the noise says nothing"


def test_the_mean_is_right_where_a_series_cut_off_is_far_from_it():
    """J = −0.9·I: the sums' ends are all that is random."""
    settings = {"exact_dims": 0, "training_terms": 2, "continuation": 0.9}
    layer, count, exact = built(Times(-0.9), **settings), 2000, 64 * math.log(0.1)
    estimates = draws_of(layer, normal(1), count, training=True)
    assert abs(estimates.mean() - exact) <= 2.0 * estimates.std() / math.sqrt(count)
    cut_off = -64 * (0.9 + 0.9**2 / 2)
    assert abs(cut_off - exact) > 20.0 * estimates.std() / math.sqrt(count)  # the control


def series_and_gradient(function, x, weight, probe, terms):
    with tf.GradientTape() as tape:
        tape.watch([x, weight])
        _, log_det = estimated_log_det(
            lambda x: function(x, weight), x, probe, lambda k: tf.zeros([tf.shape(x)[0]], tf.bool), terms, 0.5
        )
        value = tf.reduce_mean(log_det)
    return value, tape.gradient(value, [x, weight])


@pytest.mark.parametrize("graph", [False, True])
def test_the_gradient_that_saves_memory_is_that_of_the_series(graph):
    """Summed over a basis, for which traces are exact: as derivatives of each term have it, in a graph, too."""
    size, terms = 6, 7
    generator = np.random.default_rng(0)
    x, weight = (
        tf.constant(generator.standard_normal((1, size))),
        tf.constant(0.3 * generator.standard_normal((size,) * 2)),
    )

    def function(x, weight):
        return 0.5 * tf.sin(x @ weight)

    basis = math.sqrt(size) * tf.eye(size, dtype=tf.float64)
    own = tf.function(series_and_gradient, autograph=False) if graph else series_and_gradient
    value, (dx, dweight) = own(function, tf.repeat(x, size, 0), weight, basis, terms)

    def plain(x, weight, terms):
        with tf.GradientTape(persistent=True) as inner:
            inner.watch(x)
            numbers = tf.unstack(function(x, weight)[0])
        matrix = tf.concat([inner.gradient(number, x) for number in numbers], 0)
        power, total = tf.eye(size, dtype=tf.float64), 0.0
        for k in range(1, terms + 1):
            power = power @ matrix
            total += (-1.0) ** (k + 1) / k * tf.linalg.trace(power)
        return total

    np.testing.assert_allclose(value, plain(x, weight, terms), rtol=1e-12)
    with tf.GradientTape() as tape:
        tape.watch([x, weight])
        total = plain(x, weight, terms + 1)  # w has one power more than the series
    expected = tape.gradient(total, [x, weight])
    np.testing.assert_allclose(tf.reduce_sum(dx, 0, keepdims=True), expected[0], atol=1e-12)
    np.testing.assert_allclose(dweight, expected[1], atol=1e-12)
    assert np.max(np.abs(expected[1])) > 1e-2


def test_the_mean_gradient_over_draws_is_that_of_the_exact_log_determinant():
    layer, x, count = built(NETWORKS["convolution"](), scale=2.0, exact_dims=0), normal(1), 2000
    weight = layer.network.convolutions[1].kernel.value

    @tf.function(autograph=False)
    def derivatives(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            log_det = layer.forward_log_det_jacobian(x, Inputs(seed=Seed(5), training=True))
        return tape.gradient(log_det, x)

    found = derivatives(tf.repeat(x, count, axis=0)).numpy().reshape(count, -1)
    with tf.GradientTape() as tape:
        tape.watch([x, weight])
        _, log_det = exact_log_det(layer.residual, x)
    expected = tape.gradient(log_det, x).numpy().ravel()
    along = found @ expected  # one number, of which a deviation can be told
    error = along.std() / math.sqrt(count)
    assert abs(along.mean() - expected @ expected) <= 2.0 * error < expected @ expected


def test_an_estimate_belongs_to_seed_number_and_stream():
    """Not to the batch, and not to the direction."""
    layer, x = built(NETWORKS["convolution"](), exact_dims=0), normal(4)
    whole = layer.forward_log_det_jacobian(x, Inputs(seed=Seed(7, first=10)))
    for number in range(4):
        alone = layer.forward_log_det_jacobian(x[number : number + 1], Inputs(seed=Seed(7, first=10 + number)))
        np.testing.assert_allclose(alone, whole[number : number + 1], rtol=1e-10)
    parts = [
        layer.forward_log_det_jacobian(part, inputs)
        for part, inputs in zip(tf.split(x, [3, 1]), Inputs(seed=Seed(7, first=10)).split([3, 1]), strict=True)
    ]
    np.testing.assert_allclose(tf.concat(parts, 0), whole, rtol=1e-10)
    for other in (Seed(8, first=10), Seed(7, first=11), Seed(7, first=10, stream=2)):
        assert np.all(layer.forward_log_det_jacobian(x, Inputs(seed=other)) != whole)
    np.testing.assert_array_equal(
        layer.forward_log_det_jacobian(x), layer.forward_log_det_jacobian(x, Inputs(seed=Seed(0)))
    )


def length(x):
    return tf.sqrt(tf.reduce_sum(x**2, [1, 2, 3], keepdims=True))


def largest_ratio(network, x, steps=60):
    """|g(x) − g(x′)| / |x − x′| of pairs that are found by gradient ascent."""

    @tf.function(autograph=False)
    def ascend(x, other):
        with tf.GradientTape() as tape:
            tape.watch([x, other])
            ratios = length(network.call(other) - network.call(x)) / length(other - x)
        slopes = tape.gradient(ratios, [x, other])
        reach = 0.2 * length(other - x)
        moves = [tf.math.divide_no_nan(reach * slope, length(slope)) for slope in slopes]
        return tf.reduce_max(ratios), x + moves[0], other + moves[1]

    other, best = x + 0.1 * normal(len(x), seed=9), 0.0
    for _ in range(steps):
        found, x, other = ascend(x, other)
        best = max(best, float(found))
    return best


@pytest.mark.parametrize("name", parametrized({name: name for name in NETWORKS}, ["first convolution", "attention"]))
def test_a_network_is_a_contraction_of_pairs_that_gradient_ascent_finds(name):
    """Of large weights, too: they are what the bound must hold back."""
    network = built(NETWORKS[name](contraction=0.8), scale=3.0).network
    ratio = largest_ratio(network, normal(8) * np.array([0.1, 1.0, 3.0, 10.0] * 2)[:, None, None, None])
    assert ratio <= 0.8
    assert ratio > 0.02  # it is not nearly zero


def test_without_its_bound_attention_is_no_contraction(monkeypatch):
    """The control."""
    monkeypatch.setattr(L2AttentionNetwork, "bound", lambda self: tf.constant(0.0, tf.float64))
    assert largest_ratio(built(NETWORKS["attention"](contraction=0.8), scale=3.0).network, normal(8), steps=1) > 1.0


def test_the_bound_of_attention_is_that_of_its_jacobian():
    """Of tokens at several distances, for which weights are near to one another and far from it."""
    network = built(L2AttentionNetwork(8, 2, 1, contraction=0.999, dtype="float64"), scale=1.0, shape=(2, 3, 2)).network
    factor = float(network.bound()) / network.contraction
    x = tf.concat([size * normal(1, (2, 3, 2), seed=int(10 * size)) for size in (0.1, 0.3, 1.0, 2.0)], 0)
    largest = max(factor * float(np.linalg.norm(matrix, 2)) for matrix in jacobians(network.call, x))
    assert 0.02 * float(network.bound()) < largest <= float(network.bound())
    assert tokens_factor(1) == 1.0 and 22.0 < tokens_factor(64) < 24.0


def test_lip_swish_has_slopes_of_at_most_1():
    layer = LipSwish(dtype="float64")
    layer.build((None, 1, 1, 1))
    for beta in (-3.0, 0.5, 4.0):
        layer.beta.assign(beta)
        x = tf.constant(np.linspace(-100.0, 100.0, 100_001))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer.call(x)
        assert 0.99 < np.max(np.abs(tape.gradient(y, x))) <= 1.0


def test_an_inverse_ends_where_nothing_changes_and_keeps_banach_s_bound():
    layer, x = built(NETWORKS["convolution"](), scale=2.0), 30.0 * normal()
    check_round_trip(layer, x, NONE, 1e-9)
    assert layer.steps == math.ceil(math.log(1e-17) / math.log(0.9))
    slow, fast = (built(NETWORKS["convolution"](contraction=c)).steps for c in (0.98, 0.5))
    assert slow > layer.steps > fast


def test_what_is_no_contraction_comes_back_as_nan():
    """And so does what isn't finite; other images of the batch don't."""
    layer = built(Times(1.5))
    assert np.all(np.isnan(layer.inverse(layer.forward(normal()))))
    layer = built(NETWORKS["convolution"]())
    y = layer.forward(normal(2)).numpy()
    expected = layer.inverse(y[1:])
    y[0, 0, 0, 0] = np.inf
    found = layer.inverse(y)
    assert np.all(np.isnan(found[0]))
    np.testing.assert_allclose(found[1:], expected, atol=1e-12)


def test_singular_values_are_computed_once_an_inverse(monkeypatch):
    """Not in each step of its loop."""
    layer, calls = built(NETWORKS["convolution"]()), []
    bound = lipschitz.convolution_norm_bound
    monkeypatch.setattr(lipschitz, "convolution_norm_bound", lambda *given: calls.append(1) or bound(*given))
    layer.inverse(normal())
    assert len(calls) == 3  # of three convolutions


class WrongSign(Residual):
    """The log-determinant of x − g(x)."""

    def forward_and_log_det(self, x, inputs=NONE):
        _, log_det = exact_log_det(lambda x: -self.residual(x), x)
        return x + self.residual(x), log_det


def test_a_wrong_sign_is_noticed():
    """The control."""
    layer = perturbed(WrongSign(NETWORKS["convolution"](), dtype="float64"), (2, 2, 2), scale=0.5)
    with pytest.raises(AssertionError):
        check_log_det(layer, images((2, 2, 2), "float64"), NONE, 1e-6)


@pytest.mark.parametrize("name", ["convolution", "attention"] if FULL else ["attention"])
def test_a_condition_moves_a_layer(name):
    layer = built(NETWORKS[name](condition=ClassCondition(3)), shape=(2, 2, 2))
    x, inputs = images((2, 2, 2), "float64"), Inputs(tf.constant([0, 1, 2]))
    check_round_trip(layer, x, inputs, 1e-8)
    check_log_det(layer, x, inputs, 1e-8)
    check_gradients(layer, x, inputs, 1e-8)
    assert np.all(layer.forward(x, inputs) != layer.forward(x, Inputs(tf.constant([1, 2, 0]))))


@in_full  # of other inverses that solve an equation, in test_repeated.py
def test_derivatives_of_an_inverse_in_a_loop_s_graph_are_those_of_its_steps_in_turn():
    layer = perturbed(Repeated(residual(NETWORKS["convolution"]()), 2, "store", dtype="float64"), (2, 2, 2), scale=0.5)
    y = normal(2, (2, 2, 2))
    sources = [y, *(variable.value for variable in layer.trainable_variables)]

    def in_turn(y):
        total = 0.0
        for k in (1, 0):
            with layer.bind(layer.slices(k)):
                y, log_det = layer.step().inverse_and_log_det(y)
            total += log_det
        return y, total

    @tf.function(autograph=False)
    def gradients(of_loop):
        with tf.GradientTape() as tape:
            tape.watch(sources)
            x, log_det = layer.inverse_and_log_det(y) if of_loop else in_turn(y)
            loss = tf.reduce_sum(tf.sin(3.0 * x)) + tf.reduce_sum(log_det)
        return tape.gradient(loss, sources)

    for found, expected in zip(gradients(True), gradients(False), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)
        assert np.any(expected != 0.0)


def test_mixed_precision_inverts_what_it_made():
    network = LipschitzConvolutionNetwork(8, dtype="mixed_bfloat16")
    layer = perturbed(Residual(network, exact_dims=0), (4, 4, 2))
    check_round_trip(layer, images((4, 4, 2)), Inputs(full_precision=True), 1e-4)
    assert layer.residual(images((4, 4, 2))).dtype == tf.float32


def test_what_is_an_estimate_says_so():
    assert built(NETWORKS["convolution"](), exact_dims=63).estimates_log_det()
    assert not built(NETWORKS["convolution"]()).estimates_log_det()
    loop = Repeated(residual(NETWORKS["convolution"](), exact_dims=0), 2, dtype="float64")
    loop.build((None, 2, 2, 2))
    assert loop.estimates_log_det()


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Residual(GlowNetwork(4)), "network must be one that is a contraction, got GlowNetwork"),
        (lambda: LipschitzConvolutionNetwork(contraction=1.0), r"contraction must be within \(0, 1\), got 1.0"),
        (lambda: L2AttentionNetwork(contraction=0.0), r"contraction must be within \(0, 1\), got 0.0"),
        (lambda: L2AttentionNetwork(10, heads=4), "width must be divisible by heads = 4, .*, got 10"),
        (
            lambda: residual(L2AttentionNetwork(8, 2, 3)).build((None, 4, 4, 1)),
            "patch_size must divide the height and the width of every level's images, here 4×4, got 3",
        ),
        (lambda: residual(Times(0.5, 1.5)), r"contraction must be within \(0, 1\), got 1.5"),
        (lambda: residual(Times(0.5), training_terms=0), "training_terms must be a whole number of at least 1, got 0"),
        (lambda: residual(Times(0.5), evaluation_terms=0), "evaluation_terms must be a whole number of .*, got 0"),
        (lambda: residual(Times(0.5), continuation=1.0), r"continuation must be within \(0, 1\), got 1.0"),
        (lambda: residual(Times(0.5), exact_dims=-1), "exact_dims must be a whole number of at least 0, got -1"),
    ],
)
def test_refuses(make, line):
    with pytest.raises(ValueError, match=f"^{line}$"):
        make()


def test_a_kernel_is_only_shrunk():
    """One that is small enough is used as it is."""
    layer = built(NETWORKS["convolution"](), scale=0.0).network.convolutions[0]
    layer.kernel.assign(0.001 * layer.kernel.value)
    np.testing.assert_allclose(layer.weights_in("float64")[0], layer.kernel.value, rtol=1e-14)
    perturb(layer, 5.0)
    assert np.linalg.norm(layer.weights_in("float64")[0]) < 0.1 * np.linalg.norm(layer.kernel.value)
