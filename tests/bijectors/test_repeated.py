"""The depth loop: three ways back with one gradient, a graph that does not grow, weights drawn apart."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors import NONE, CheckerboardMask, Inputs, Seed
from flowconv.bijectors.matrices import MATRICES
from flowconv.ops import scan
from flowconv.testing import perturbed
from tests.layers import (
    Conditioned,
    Counting,
    Noisy,
    OfBatch,
    OfLabels,
    a_condition,
    additive_coupling,
    affine_coupling,
    step,
)
from tests.runs import FULL, covering, parametrized

SHAPE = (4, 4, 8)
MODES = ("store", "recompute", "invert")
DIRECTIONS = {"forward": False, "inverse": True}
LOSSES = {
    "both": lambda y, log_det: tf.reduce_sum(tf.sin(y)) - tf.reduce_mean(log_det),
    "y": lambda y, log_det: tf.reduce_sum(tf.sin(y)),
    "log_det": lambda y, log_det: tf.reduce_mean(log_det),
}


def repeated(depth, backward, dtype="float64", **kwargs):
    return perturbed(bijectors.Repeated(step(dtype, **kwargs), depth, backward, dtype=dtype), SHAPE)


def images(dtype="float64"):
    return tf.constant(np.random.default_rng(1).standard_normal((3, *SHAPE)), dtype)


def in_turn(layer, direction, x, inputs=NONE):
    """What the loop computes, its steps one by one."""
    total = 0.0
    for k in reversed(range(layer.depth)) if direction == "inverse_and_log_det" else range(layer.depth):
        with layer.bind(layer.slices(k)):
            x, log_det = getattr(layer.step(), direction)(x, inputs)
        total += log_det
    return x, total


def loss_and_gradients(layer, x, compiled=False):
    @tf.function(autograph=False, jit_compile=compiled)
    def compute(x):
        sources = [x, *(variable.value for variable in layer.trainable_variables)]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            y, log_det = layer.forward_and_log_det(x)
            loss = LOSSES["both"](y, log_det)
        return loss, tape.gradient(loss, sources)

    return compute(x)


def both_colours(dtype):
    """Half a level of RealNVP."""
    layers = [affine_coupling(8, CheckerboardMask(colour), dtype=dtype) for colour in (0, 1)]
    return bijectors.Chain(layers, dtype=dtype)


STEPS = {
    **{
        name: {"convolution": lambda dtype, name=name: bijectors.build_convolution(name, {}, dtype=dtype)}
        for name in bijectors.CONVOLUTIONS
    },
    **{
        name: {"convolution": lambda dtype, name=name: bijectors.Conv1x1(name, dtype=dtype)}
        for name in MATRICES
        if name != "plu"
    },
    "additive": {"coupling": additive_coupling},
    "checkerboard": {"convolution": both_colours},
}


@pytest.mark.parametrize("options", parametrized(STEPS, ["shift", "emerging", "checkerboard"]))
def test_all_ways_back_give_the_same_gradients(options):
    results = {mode: loss_and_gradients(repeated(3, mode, **options), images()) for mode in MODES}
    loss, gradients = results["store"]
    assert all(np.any(gradient.numpy() != 0) for gradient in gradients)
    for mode in ("recompute", "invert"):
        np.testing.assert_allclose(results[mode][0], loss, rtol=1e-14)
        for found, expected in zip(results[mode][1], gradients, strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("mode", MODES)
def test_the_loop_is_the_composition_of_its_steps(mode):
    layer = repeated(3, mode)
    found = layer.forward_and_log_det(images())
    for value, expected in zip(found, in_turn(layer, "forward_and_log_det", images()), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-12)


@covering(mode=MODES, inverse=DIRECTIONS, loss=LOSSES)
def test_gradients_of_weights_are_those_of_steps_in_turn(mode, inverse, loss):
    layer = repeated(3, mode)
    direction = "inverse_and_log_det" if inverse else "forward_and_log_det"
    variables = [variable.value for variable in layer.trainable_variables]

    @tf.function(autograph=False)
    def in_a_loop(x):
        with tf.GradientTape() as tape:
            value = loss(*getattr(layer, direction)(x))
        return tape.gradient(value, variables, unconnected_gradients="zero")

    with tf.GradientTape() as tape:
        value = loss(*in_turn(layer, direction, images()))
    expected_of_all = tape.gradient(value, variables, unconnected_gradients="zero")
    for found, expected in zip(in_a_loop(images()), expected_of_all, strict=True):
        np.testing.assert_allclose(found, tf.convert_to_tensor(expected), rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", ["mixture", "emerging"])
def test_gradients_of_an_inverse_that_solves_an_equation_are_those_of_steps_in_turn(kind):
    """In a graph, where the loop's gradient is another graph than the loop."""

    def mixture(width, dtype):
        return affine_coupling(width, dtype=dtype, transform=bijectors.Mixture())

    options = {"mixture": {"coupling": mixture}, "emerging": {"convolution": bijectors.EmergingConvolution}}[kind]
    layer, y = repeated(2, "store", **options), images()
    sources = [y, *(variable.value for variable in layer.trainable_variables)]

    @tf.function(autograph=False)
    def gradients(of_loop):
        with tf.GradientTape() as tape:
            tape.watch(sources)
            found = layer.inverse_and_log_det(y) if of_loop else in_turn(layer, "inverse_and_log_det", y)
            loss = LOSSES["both"](*found)
        return tape.gradient(loss, sources)

    for found, expected in zip(gradients(True), gradients(False), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
        assert np.any(expected != 0)


@pytest.mark.parametrize("mode", MODES)
def test_the_graph_does_not_grow_with_depth(mode):
    def nodes(depth):
        layer = repeated(depth, mode)

        @tf.function(autograph=False)
        def gradient(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y, _ = layer.forward_and_log_det(x)
            return tape.gradient(y, x)

        graph = gradient.get_concrete_function(images()).graph.as_graph_def()
        return len(graph.node) + sum(len(function.node_def) for function in graph.library.function)

    assert nodes(16) == nodes(48)  # (TensorFlow makes zeros of under 1,000 numbers constants)


def test_steps_are_drawn_apart():
    layer = bijectors.Repeated(step("float64"), 4, dtype="float64")
    layer.build((None, *SHAPE))
    layer.reset_weights()
    random = [v for v in layer.variables if v.path.endswith(("kernel", "triangles", "log_diagonal"))]
    drawn = [v for v in random if "last" not in v.path]  # which is zero at first
    assert len(drawn) == 4
    for variable in drawn:
        slices = variable.numpy()
        for k in range(1, 4):
            assert np.max(np.abs(slices[k] - slices[0])) > 1e-3, variable.path


def test_every_step_starts_with_a_rotation():
    layer = bijectors.Repeated(step("float64"), 4, dtype="float64")
    layer.build((None, *SHAPE))
    layer.reset_weights()
    for k in range(4):
        with layer.bind(layer.slices(k)):
            matrix = layer.step().layers[1].layers[1].weight.matrix().numpy()
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(SHAPE[-1]), atol=1e-12)
        np.testing.assert_allclose(np.linalg.det(matrix), 1.0)


@pytest.mark.parametrize("mode", MODES if FULL else ["invert"])
def test_compiles_under_xla(mode):
    layer = repeated(3, mode, "float32")
    expected = loss_and_gradients(layer, images("float32"))
    found = loss_and_gradients(layer, images("float32"), compiled=True)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4)
    for a, b in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-3)


def test_a_compiled_forward_has_gradients_outside():
    """(What the other ways keep for their gradients can't leave a function that XLA compiles.)"""
    layer = repeated(3, "invert", "float32")
    x = images("float32")
    variables = [variable.value for variable in layer.trainable_variables]
    results = []
    for compiled in (False, True):
        forward = tf.function(layer.forward_and_log_det, autograph=False, jit_compile=compiled)
        with tf.GradientTape() as tape:
            loss = LOSSES["both"](*forward(x))
        results.append(tape.gradient(loss, variables))
    for found, expected in zip(*reversed(results), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3)


def penalty_and_gradients(layer, x):
    """A gradient penalty, |∂loss/∂x|², and its gradients: second derivatives."""
    sources = [x, *(variable.value for variable in layer.trainable_variables)]

    with tf.GradientTape() as outer:
        outer.watch(sources)
        with tf.GradientTape() as inner:
            inner.watch(x)
            loss = LOSSES["both"](*layer.forward_and_log_det(x))
        penalty = tf.reduce_sum(inner.gradient(loss, x) ** 2)
    return penalty, outer.gradient(penalty, sources, unconnected_gradients="zero")


GRAPH = pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "graph"])


@pytest.mark.parametrize("options", [{}, STEPS["direct"], STEPS["checkerboard"]], ids=["shift", "direct", "fields"])
def test_second_derivatives_are_those_of_differences(options):
    """Of x and of all weights at once, in one random direction."""
    layer = repeated(2, "store", **options)
    x = images()
    _, gradients = penalty_and_gradients(layer, x)
    generator = np.random.default_rng(5)
    directions = [generator.standard_normal(gradient.shape) for gradient in gradients]
    values = [variable.numpy() for variable in layer.trainable_variables]
    penalties = []
    for sign in (1, -1):
        for variable, value, direction in zip(layer.trainable_variables, values, directions[1:], strict=True):
            variable.assign(value + sign * 1e-5 * direction)
        penalties.append(penalty_and_gradients(layer, x + sign * 1e-5 * directions[0])[0])
    expected = (penalties[0] - penalties[1]) / 2e-5
    found = sum(np.sum(tf.convert_to_tensor(g).numpy() * d) for g, d in zip(gradients, directions, strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


SECOND = {
    ("store", "graph"): "a tf.function has no second derivatives of a depth loop: take them eagerly",
    **{
        (mode, where): f"backward='{mode}' has first derivatives alone: .*backward='store'"
        for mode in ("recompute", "invert")
        for where in ("eager", "graph")
    },
}


@pytest.mark.parametrize(("mode", "where"), [each for each in SECOND if FULL or "store" in each or "eager" in each])
def test_second_derivatives_are_refused_where_they_are_not_right(mode, where):
    compute = tf.function(penalty_and_gradients, autograph=False) if where == "graph" else penalty_and_gradients
    with pytest.raises(ValueError, match=SECOND[mode, where]):
        compute(repeated(2, mode), images())


class Capturing(bijectors.Bijector):
    """y = x + c·w with any c, which is an attribute rather than an input."""

    condition = None

    def build(self, input_shape):
        self.weight = self.add_weight(shape=(), initializer="ones", name="weight")

    def forward_and_log_det(self, x, inputs=NONE):
        return x + self.condition * self.weight.value, tf.zeros_like(x[:, 0, 0, 0])

    def inverse_and_log_det(self, y, inputs=NONE):
        return y - self.condition * self.weight.value, tf.zeros_like(y[:, 0, 0, 0])


CONDITIONS = {
    "tensor": (lambda: tf.ones(SHAPE), "capturing.condition|Identity"),
    "scalar": (lambda: tf.constant(2.0), "capturing.condition|Identity"),
    "variable": (lambda: tf.Variable(2.0, name="theirs"), "theirs"),
    "fixed variable": (lambda: tf.Variable(2.0, trainable=False, name="theirs"), "capturing.condition|theirs"),
}


@GRAPH
@pytest.mark.parametrize(("condition", "name"), CONDITIONS.values(), ids=CONDITIONS.keys())
@pytest.mark.parametrize("mode", MODES)
def test_what_a_step_uses_besides_has_its_gradient_or_is_refused(mode, condition, name, in_graph):
    layer = bijectors.Repeated(Capturing(name="capturing"), 3, mode)
    layer.build((None, *SHAPE))
    condition = condition()

    def compute():
        with tf.GradientTape() as tape:
            c = condition
            if not isinstance(c, tf.Variable):
                tape.watch(condition)
                c = tf.identity(condition)
            elif not c.trainable:
                tape.watch(c)
            layer.step().condition = c
            y, _ = layer.forward_and_log_det(images("float32"))
            loss = tf.reduce_sum(y)
        return tape.gradient(loss, [layer.trainable_variables[0].value, condition])

    compute = tf.function(compute, autograph=False) if in_graph else compute
    if mode == "store":
        assert np.sum(compute()[1]) == 3 * 3 * np.prod(SHAPE)  # K, examples, numbers
    else:
        with pytest.raises(ValueError, match=f"a step of Repeated uses ({name}).*backward='{mode}'.*add_weight"):
            compute()


def test_fixed_numbers_are_no_tensors_that_a_step_may_not_use():
    layer = bijectors.Repeated(Capturing(), 3, "invert")
    layer.build((None, *SHAPE))
    layer.step().condition = np.ones(SHAPE, np.float32)
    for compiled in (False, True):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(
                tf.function(layer.forward)(images("float32")) if compiled else layer(images("float32"))
            )
        np.testing.assert_allclose(tape.gradient(loss, layer.trainable_variables[0].value), [384.0] * 3)


HOW = {
    "eager": lambda function: function,
    "graph": lambda function: tf.function(function, autograph=False),
    "xla": lambda function: tf.function(function, autograph=False, jit_compile=True),
}
every_way = pytest.mark.parametrize("how", HOW.values(), ids=HOW.keys())
every_mode = pytest.mark.parametrize("mode", MODES)
SLICES = {"1 slice": 1, "3 slices": 3}


@covering(mode=MODES, inverse=DIRECTIONS, how=HOW)
def test_a_condition_has_its_gradient(mode, inverse, how):
    """That of the steps in turn, by automatic differentiation; and so have x and the weights."""
    parts = [Conditioned(dtype="float64"), affine_coupling(8, dtype="float64")]
    layer = perturbed(bijectors.Repeated(bijectors.Chain(parts, dtype="float64"), 3, mode, dtype="float64"), SHAPE)
    inputs = Inputs(a_condition(3, SHAPE))
    direction = "inverse_and_log_det" if inverse else "forward_and_log_det"
    weights = [variable.value for variable in layer.trainable_variables]

    def gradients(compute):
        x, floats = images(), inputs.condition["floats"]
        with tf.GradientTape() as tape:
            tape.watch([x, *floats])
            loss = LOSSES["both"](*compute(x))
        return tape.gradient(loss, [x, *floats, *weights], unconnected_gradients="zero")

    found = how(lambda: gradients(lambda x: getattr(layer, direction)(x, inputs)))()
    for value, expected in zip(found, gradients(lambda x: in_turn(layer, direction, x, inputs)), strict=True):
        assert np.any(value != 0)
        np.testing.assert_allclose(value, tf.convert_to_tensor(expected), rtol=1e-10, atol=1e-10)


@every_way
@every_mode
def test_a_condition_of_whole_numbers_alone(mode, how):
    layer = perturbed(bijectors.Repeated(OfLabels(dtype="float64"), 3, mode, dtype="float64"), SHAPE)
    inputs = Inputs(tf.constant([0, 3, 0]))

    def gradients():
        with tf.GradientTape() as tape:
            loss = LOSSES["log_det"](*layer.forward_and_log_det(images(), inputs))
        return tape.gradient(loss, [variable.value for variable in layer.trainable_variables])

    of_log_scale, _ = how(gradients)()
    expected = np.array([2, 0, 0, 1])[:, None] * 16 / 3 * layer.variables[1].numpy()[:, None, None]
    np.testing.assert_allclose(of_log_scale, np.broadcast_to(expected, (3, 4, SHAPE[-1])), rtol=1e-12)


@every_way
@every_mode
def test_each_step_has_a_seed_of_its_own_and_the_same_on_the_way_back(mode, how):
    layer = perturbed(bijectors.Repeated(Noisy(dtype="float64"), 3, mode, dtype="float64"), SHAPE)
    x, seed = images(), Seed(5, first=2, stream=1)
    (weights,) = (variable.value for variable in layer.trainable_variables)

    def compute(x):
        with tf.GradientTape() as tape:
            y, _ = layer.forward_and_log_det(x, Inputs(seed=seed))
            loss = tf.reduce_sum(tf.sin(y))
        return y, layer.inverse(y, Inputs(seed=seed)), tape.gradient(loss, weights)

    y, back, gradient = how(compute)(x)
    noise = np.stack([seed.fold_in(k).uniform(x.shape) for k in range(3)])
    assert np.min(np.max(np.abs(noise - np.roll(noise, 1, axis=0)), axis=(2, 3, 4))) > 0.5  # of steps and of examples
    np.testing.assert_allclose(y, x + np.tensordot(weights.numpy(), noise, 1), rtol=1e-12)
    np.testing.assert_allclose(back, x, atol=1e-12)
    np.testing.assert_allclose(gradient, np.sum(np.cos(y) * noise, axis=(1, 2, 3, 4)), rtol=1e-10)


@covering(mode=MODES, inverse=DIRECTIONS, how=HOW, slices=SLICES)
def test_what_a_step_assigns_is_written_back(mode, inverse, how, slices, monkeypatch):
    monkeypatch.setattr(scan, "num_slices", lambda images: slices)
    layer = perturbed(bijectors.Repeated(Counting(dtype="float64"), 3, mode, dtype="float64"), SHAPE)
    calls, means = (v for v in layer.variables if v.path.endswith(("calls", "mean")))
    direction = "inverse_and_log_det" if inverse else "forward_and_log_det"

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = LOSSES["both"](*getattr(layer, direction)(x))
        return tape.gradient(loss, x)

    compute = how(gradient)
    for number in (1, 2):
        compute(number * images())
        np.testing.assert_array_equal(calls.numpy(), [number] * 3)  # not once a slice, nor on the way back
    x = 2.0 * images()
    for k in reversed(range(3)) if inverse else range(3):
        np.testing.assert_allclose(means.numpy()[k], np.mean(x), rtol=1e-10)
        with layer.bind(layer.slices(k)):
            x, _ = getattr(layer.step(), direction)(x)
    np.testing.assert_array_equal(calls.numpy(), [2] * 3)  # nor by what is bound


@pytest.mark.parametrize("how", parametrized(HOW, ["graph"]))
@covering(mode=MODES, inverse=DIRECTIONS, slices=SLICES)
def test_a_step_that_keeps_statistics_of_a_batch_sees_it_whole_on_the_way_back(mode, inverse, how, slices, monkeypatch):
    monkeypatch.setattr(scan, "num_slices", lambda images: slices)
    parts = [OfBatch(dtype="float64"), affine_coupling(8, dtype="float64"), bijectors.Conv1x1(dtype="float64")]
    layer = perturbed(bijectors.Repeated(bijectors.Chain(parts, dtype="float64"), 3, mode, dtype="float64"), SHAPE)
    weights = [variable.value for variable in layer.trainable_variables]
    direction = "inverse_and_log_det" if inverse else "forward_and_log_det"

    def gradients(compute):
        x = images()
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = LOSSES["both"](*compute(x))
        return tape.gradient(loss, [x, *weights])

    found = how(lambda: gradients(getattr(layer, direction)))()
    for value, expected in zip(found, gradients(lambda x: in_turn(layer, direction, x)), strict=True):
        np.testing.assert_allclose(value, tf.convert_to_tensor(expected), rtol=1e-10, atol=1e-10)


@every_mode
def test_what_initialization_assigns_is_written_back(mode):
    layer = bijectors.Repeated(bijectors.ActNorm(dtype="float64"), 3, mode, dtype="float64")
    layer.build((None, *SHAPE))
    y = layer.initialize(3.0 + images())
    np.testing.assert_array_equal(layer.variables[-1].numpy(), [1.0] * 3)
    np.testing.assert_allclose(tf.reduce_mean(y, [0, 1, 2]), np.zeros(SHAPE[-1]), atol=1e-12)
    np.testing.assert_allclose(y, layer.forward(3.0 + images()), atol=1e-12)


def test_refuses_a_step_that_changes_shapes():
    with pytest.raises(ValueError, match=r"must keep shapes, and makes \(2, 2, 32\) of \(4, 4, 8\)"):
        bijectors.Repeated(bijectors.Squeeze(), 2).build((None, *SHAPE))


@pytest.mark.parametrize("mode", MODES)
def test_full_precision_holds_in_the_gradient(mode):
    gradients = []
    for network_dtype in ("mixed_bfloat16", "float32"):
        step = bijectors.Chain([bijectors.ActNorm(), affine_coupling(8, network_dtype=network_dtype)])
        layer = perturbed(bijectors.Repeated(step, 3, mode), SHAPE)
        x = images("float32")
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = LOSSES["both"](*layer.forward_and_log_det(x, Inputs(full_precision=True)))
        gradients.append(tape.gradient(loss, x))
    np.testing.assert_allclose(*gradients, rtol=0, atol=1e-4)


def test_a_wrong_inverse_gives_wrong_gradients():
    """The control: the comparison of the three ways back notices a step that can't be inverted."""

    class Wrong(bijectors.InvertibleShift):
        def inverse_and_log_det(self, y, inputs=NONE):
            x, log_det = super().inverse_and_log_det(y, inputs)
            return x + 0.01, log_det

    results = {}
    for mode in ("store", "invert"):
        layer = perturbed(bijectors.Repeated(Wrong(dtype="float64"), 4, mode, dtype="float64"), SHAPE)
        results[mode] = loss_and_gradients(layer, images())[1]
    differences = [np.max(np.abs(a - b)) for a, b in zip(results["store"], results["invert"], strict=True)]
    assert max(differences) > 1e-3


@pytest.mark.parametrize(("depth", "backward"), [(0, "store"), (-1, "invert"), (2, "forget")])
def test_refuses(depth, backward):
    with pytest.raises(ValueError, match=r"depth must be|backward must be"):
        bijectors.Repeated(step(), depth, backward)


def test_bfloat16_networks_keep_float32_flow_variables():
    coupling = affine_coupling(8, network_dtype="mixed_bfloat16", dtype="float32")
    layer = bijectors.Repeated(bijectors.Chain([bijectors.ActNorm(), bijectors.Conv1x1(), coupling]), 3, "invert")
    perturbed(layer, SHAPE)
    x = images("float32")
    y, log_det = layer.forward_and_log_det(x)
    assert y.dtype == log_det.dtype == tf.float32
    assert {v.dtype for v in layer.trainable_variables} == {"float32"}
    np.testing.assert_allclose(layer.inverse(y), x, atol=1e-4)
    gradients = loss_and_gradients(layer, x)[1]
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)
    assert layer.step().layers[2].network.compute_dtype == "bfloat16"
