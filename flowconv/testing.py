"""Proofs of layers, for everybody's: a wrong inverse, log-determinant or gradient fails them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from flowconv.bijectors import Bijector, Inputs, Repeated, Seed
from flowconv.ops.scan import Backward

BACKWARD: tuple[Backward, ...] = ("store", "recompute", "invert")


def check_bijector(
    make: Callable[[], Bijector],
    shape: tuple[int, int, int],
    condition: Any = None,
    *,
    tolerance: float = 1e-4,
    seed: int = 0,
) -> None:
    """Proves a layer: round trip, log-determinant, gradients, depth loop, XLA, state and serialization.

    All weights are drawn and then perturbed, so that no proof is about a layer at its start. Images are drawn from
    U(0.02, 0.98).

    Args:
      make: returns a new, unbuilt layer.
      shape: (H, W, C) of its input; small, since Jacobians are computed.
      condition: tensors `[3, …]`, of a conditional layer.
      tolerance: of float32, absolute; log-determinants and gradients may be as far off relative to their size.
      seed: of weights, images and the layer's own draws.

    Raises:
      AssertionError: naming what is wrong.

    Example:
      >>> from flowconv import bijectors
      >>> check_bijector(bijectors.ActNorm, (4, 4, 2))
    """
    layer = perturbed(make(), shape, seed)
    x = images(shape, layer.compute_dtype, seed)
    inputs = Inputs(condition, Seed(seed))
    check_round_trip(layer, x, inputs, tolerance)
    check_log_det(layer, x, inputs, tolerance)
    check_weights_matter(layer, x, inputs)
    check_compiles(layer, x, inputs, tolerance)
    check_serialization(layer, x, inputs, tolerance)
    if isinstance(layer.forward(x, inputs), tf.Tensor):
        check_gradients(layer, x, inputs, tolerance)
        repeats = layer.forward_shape(shape) == shape and not np.any(layer.outside_domain(layer.forward(x, inputs)))
        if repeats and not isinstance(layer, Repeated):
            check_depth_loop(make, x, inputs, tolerance, seed)


def images(shape: tuple[int, int, int], dtype: str = "float32", seed: int = 0, count: int = 3) -> tf.Tensor:
    """Returns x `[count, H, W, C]` ~ U(0.02, 0.98).

    Example:
      >>> from flowconv.testing import images
      >>> images((4, 4, 2)).shape
      TensorShape([3, 4, 4, 2])
    """
    return tf.constant(np.random.default_rng(seed + 1).uniform(0.02, 0.98, (count, *shape)), dtype)


def perturbed(layer: Bijector, shape: tuple[int, int, int], seed: int = 0, scale: float = 0.1) -> Bijector:
    """Builds a layer, draws its weights, and moves every trainable one; returns it.

    Example:
      >>> import numpy as np
      >>> from flowconv.bijectors import InvertibleShift
      >>> from flowconv.testing import perturbed
      >>> bool(np.any(perturbed(InvertibleShift(), (4, 4, 2)).beta.numpy()))
      True
    """
    layer.build((None, *shape))
    layer.reset_weights(seed)
    perturb(layer, scale, seed)
    return layer


def perturb(layer: keras.layers.Layer, scale: float = 0.1, seed: int = 0) -> None:
    """Moves every trainable weight: with the last convolution of a coupling at zero most checks are vacuous.

    Example:
      >>> import numpy as np
      >>> from flowconv import models
      >>> from flowconv.testing import perturb
      >>> flow = models.nice_original((4, 4, 1), depth=2, width=8, network="mlp", preprocessing="centre")
      >>> drawn = flow.reset_weights(seed=0)
      >>> perturb(flow, scale=0.05)
      >>> all(np.any(variable.numpy()) for variable in flow.trainable_variables)
      True
    """
    generator = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        variable.assign(variable.value + scale * generator.standard_normal(variable.shape))


def flattened(tensors: Any) -> tf.Tensor:
    """Returns a nest of tensors `[B, …]` as one `[B, D]`.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.testing import flattened
      >>> flattened((tf.ones([2, 1, 3]), tf.ones([2, 4]))).shape
      TensorShape([2, 7])
    """
    return tf.concat([tf.reshape(t, [tf.shape(t)[0], -1]) for t in tf.nest.flatten(tensors)], axis=1)


def jacobian(function: Callable[[tf.Tensor], Any], x: tf.Tensor) -> np.ndarray:
    """Returns ∂function/∂x, `[D, D]`, of one example x `[1, …]`, by automatic differentiation.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.testing import jacobian
      >>> jacobian(lambda x: 2.0 * x, tf.ones([1, 1, 1, 2])).tolist()
      [[2.0, 0.0], [0.0, 2.0]]
    """
    (matrix,) = jacobians(lambda x, _: function(x), x)
    return matrix


def jacobians(
    function: Callable[[tf.Tensor, Inputs], Any], x: tf.Tensor, inputs: Inputs | None = None
) -> list[np.ndarray]:
    """Returns ∂function/∂x, `[D, D]`, of each example of x, given its part of the inputs.

    The examples have one graph in common: to trace it takes longer than to run it.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.testing import jacobians
      >>> [matrix.tolist() for matrix in jacobians(lambda x, _: 2.0 * x, tf.ones([2, 1, 1, 1]))]
      [[[2.0]], [[2.0]]]
    """
    inputs = inputs or Inputs()

    @tf.function(autograph=False)
    def compute(x, tensors, first):
        of_one = inputs.with_tensors(tensors)
        if inputs.seed is not None:
            of_one = dataclasses.replace(of_one, seed=inputs.seed._replace(first=first))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = flattened(function(x, of_one))[0]
        return tape.jacobian(y, x, experimental_use_pfor=False)

    matrices = []
    for number, of_one in enumerate(inputs.split([1] * x.shape[0])):
        first = 0 if of_one.seed is None else of_one.seed.first
        rows = compute(x[number : number + 1], of_one.tensors(), tf.cast(first, tf.int64)).numpy()
        matrices.append(rows.reshape(rows.shape[0], -1))
    return matrices


def check_round_trip(layer: Bijector, x: tf.Tensor, inputs: Inputs, tolerance: float) -> None:
    """Checks that x → y → x, and that the two log-determinants cancel.

    Example:
      >>> from flowconv.bijectors import ActNorm, Inputs
      >>> from flowconv.testing import check_round_trip, images, perturbed
      >>> check_round_trip(perturbed(ActNorm(), (2, 2, 1)), images((2, 2, 1)), Inputs(), tolerance=1e-4)
    """
    y, log_det = layer.forward_and_log_det(x, inputs)
    back, inverse_log_det = layer.inverse_and_log_det(y, inputs)
    assert back.shape == x.shape and back.dtype == x.dtype, f"inverse gives {back.dtype.name} {back.shape}"
    assert log_det.shape == inverse_log_det.shape == (x.shape[0],), "log-determinants are not [B]"
    assert flattened(y).shape == flattened(x).shape, "y has not as many numbers as x"
    _close(back, x, tolerance, "inverse(forward(x))")
    _close(-inverse_log_det, log_det, tolerance, "the inverse's log-determinant, negated,")


def check_log_det(layer: Bijector, x: tf.Tensor, inputs: Inputs, tolerance: float) -> None:
    """Checks that the forward log-determinant is that of the Jacobian, for each example.

    Example:
      >>> from flowconv.bijectors import ActNorm, Inputs
      >>> from flowconv.testing import check_log_det, images, perturbed
      >>> check_log_det(perturbed(ActNorm(), (2, 2, 1)), images((2, 2, 1)), Inputs(), tolerance=1e-4)
    """
    claimed = layer.forward_log_det_jacobian(x, inputs).numpy()
    for number, matrix in enumerate(jacobians(layer.forward, x, inputs)):
        _, true = np.linalg.slogdet(matrix.astype(np.float64))
        _close(claimed[number], true, 10 * tolerance, f"the log-determinant of example {number}")


def check_weights_matter(layer: Bijector, x: tf.Tensor, inputs: Inputs) -> None:
    """Checks that the result depends on every trainable weight.

    Example:
      >>> from flowconv.bijectors import ActNorm, Inputs
      >>> from flowconv.testing import check_weights_matter, images, perturbed
      >>> check_weights_matter(perturbed(ActNorm(), (2, 2, 1)), images((2, 2, 1)), Inputs())
    """
    values = [variable.value for variable in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(values)
        y, log_det = layer.forward_and_log_det(x, inputs)
        probe = sum(tf.reduce_sum(tf.sin(3.0 * t)) for t in tf.nest.flatten(y)) + tf.reduce_sum(log_det)
    for variable, gradient in zip(layer.trainable_variables, tape.gradient(probe, values), strict=True):
        assert gradient is not None and np.any(gradient != 0), f"{variable.path} has no influence"


def check_gradients(layer: Bijector, x: tf.Tensor, inputs: Inputs, tolerance: float) -> None:
    """Checks that `inverse_and_gradients` and `gradients` agree with automatic differentiation.

    Example:
      >>> from flowconv.bijectors import ActNorm, Inputs
      >>> from flowconv.testing import check_gradients, images, perturbed
      >>> check_gradients(perturbed(ActNorm(), (2, 2, 1)), images((2, 2, 1)), Inputs(), tolerance=1e-4)
    """
    expected, upstream = _gradients(layer.forward_and_log_det, layer.trainable_variables, x, inputs)
    y = layer.forward(x, inputs)
    for name, known in (("inverse_and_gradients", y), ("gradients", x)):
        found_x, gradients = getattr(layer, name)(known, *upstream, inputs)
        _close(found_x, x, tolerance, f"x of {name}")
        variables = [gradients.variables[id(variable)] for variable in layer.trainable_variables]
        found = [gradients.x, *gradients.condition, *variables]
        for number, pair in enumerate(zip(found, expected, strict=True)):
            _close(*pair, 10 * tolerance, f"gradient {number} of {name}")


def check_depth_loop(
    make: Callable[[], Bijector], x: tf.Tensor, inputs: Inputs, tolerance: float, seed: int = 0
) -> None:
    """Checks outputs, gradients and state of `Repeated` in all three modes against the steps in turn.

    Example:
      >>> from flowconv.bijectors import InvertibleShift, Inputs
      >>> from flowconv.testing import check_depth_loop, images
      >>> check_depth_loop(InvertibleShift, images((2, 2, 1)), Inputs(), tolerance=1e-4)
    """
    expected = None
    for backward in BACKWARD:
        layer = perturbed(Repeated(make(), 2, backward, dtype=x.dtype.name), tuple(x.shape[1:]), seed)
        before = [variable.numpy() for variable in layer.non_trainable_variables]
        found, _ = _gradients(layer.forward_and_log_det, layer.trainable_variables, x, inputs)
        state = [variable.numpy() for variable in layer.non_trainable_variables]
        for variable, value in zip(layer.non_trainable_variables, before, strict=True):
            variable.assign(value)
        if expected is None:
            expected = _in_turn(layer, x, inputs)
        for number, pair in enumerate(zip([*found, *state], expected, strict=True)):
            _close(*pair, 10 * tolerance, f"gradient or state {number} of Repeated, backward={backward!r},")


def check_compiles(layer: Bijector, x: tf.Tensor, inputs: Inputs, tolerance: float) -> None:
    """Checks that XLA compiles both directions, and that they give the same.

    Example:
      >>> from flowconv.bijectors import InvertibleShift, Inputs
      >>> from flowconv.testing import check_compiles, images, perturbed
      >>> check_compiles(perturbed(InvertibleShift(), (2, 2, 1)), images((2, 2, 1)), Inputs(), tolerance=1e-4)
    """
    y, log_det = layer.forward_and_log_det(x, inputs)
    results = [*tf.nest.flatten(y), log_det], [x, -log_det]
    for function, given, expected in zip(
        (layer.forward_and_log_det, layer.inverse_and_log_det), (x, y), results, strict=True
    ):
        for pair in zip(tf.nest.flatten(_compiled(function, given, inputs)), expected, strict=True):
            _close(*pair, 10 * tolerance, f"{function.__name__} by XLA")


def check_serialization(layer: Bijector, x: tf.Tensor, inputs: Inputs, tolerance: float) -> None:
    """Checks that a layer made of the layer's configuration, with its weights, gives the same.

    Example:
      >>> from flowconv.bijectors import ActNorm, Inputs
      >>> from flowconv.testing import check_serialization, images, perturbed
      >>> check_serialization(perturbed(ActNorm(), (2, 2, 1)), images((2, 2, 1)), Inputs(), tolerance=1e-4)
    """
    other = type(layer).from_config(layer.get_config())
    other.build((None, *x.shape[1:]))
    assert [v.path.split("/", 1)[-1] for v in other.variables] == [v.path.split("/", 1)[-1] for v in layer.variables]
    for variable, value in zip(other.variables, layer.variables, strict=True):
        variable.assign(value.value)
    pairs = zip(tf.nest.flatten(other.forward(x, inputs)), tf.nest.flatten(layer.forward(x, inputs)), strict=True)
    for pair in pairs:
        _close(*pair, tolerance, "forward of a layer that was made of the configuration")


def _compiled(function, given, inputs):
    """Results of a program of XLA's."""

    @tf.function(autograph=False, jit_compile=True, reduce_retracing=True)
    def compute(given, tensors):
        return function(given, inputs.with_tensors(tensors))

    return compute(given, inputs.tensors())


def _gradients(function, variables: Sequence[keras.Variable], x, inputs):
    """Automatic gradients of x, conditions and variables, for upstream ones drawn at random, and these."""
    sources = [x, *inputs.differentiable(), *(variable.value for variable in variables)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        outputs = function(x, inputs)
    generator = np.random.default_rng(2)
    upstream = [tf.constant(generator.standard_normal(output.shape), output.dtype) for output in outputs]
    return tape.gradient(outputs, sources, upstream, unconnected_gradients="zero"), upstream


def _in_turn(layer, x, inputs):
    """Gradients and state of a loop's steps, evaluated one after the other."""
    stacks = [layer.stack(variable) for variable in layer.step().variables]
    state = {}  # of each variable the values after all steps

    def forward(x, inputs):
        total = 0.0
        for k in range(layer.depth):
            with layer.bind([stack[k] for stack in stacks]) as scope:
                x, log_det = layer.step().forward_and_log_det(x, inputs.fold_in(k))
            for variable in layer.step().variables:
                state.setdefault(id(variable), []).append(scope.get_current_value(variable))
            total += log_det
        return x, total

    gradients, _ = _gradients(forward, layer.trainable_variables, x, inputs)
    fixed = [variable for variable in layer.step().variables if not variable.trainable]
    return [*map(tf.convert_to_tensor, gradients), *(tf.stack(state[id(variable)]) for variable in fixed)]


def _close(found, expected, tolerance, what):
    found, expected = np.asarray(tf.convert_to_tensor(found)), np.asarray(tf.convert_to_tensor(expected))
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    assert np.allclose(found, expected, rtol=0.0, atol=tolerance * scale), (
        f"{what} is off by {np.max(np.abs(found - expected)):.3g} of {scale:.3g}"
    )
