"""What tells early that a flow is about to stop being invertible, and afterwards where it stopped."""

import numpy as np
import tensorflow as tf

from flowconv.bijectors import AffineCoupling, InvertibleShift
from flowconv.evaluation.conditioning import ill_conditioned, matrix_health
from flowconv.evaluation.walk import repeated_layers, walk
from flowconv.models import Flow


def health(flow: Flow, images: np.ndarray) -> dict[str, float]:
    """Returns how well a flow can be inverted at uint8 images `[B, H, W, C]`.

    Returns:
      For every matrix in every step condition_number/PLACE and smallest_singular_value/PLACE; health/X for X of
      max_condition_number and min_singular_value, of all of them; min_alpha, the smallest |α| of a shift;
      min_coupling_scale, the smallest factor of an affine coupling, at these images; max_reconstruction_error, of
      these images through the whole flow, in pixel levels; walk_back_drift, the largest error of a level's input when
      it is computed from the level's output, over the largest input: what `model.backward=invert` works with. What a
      flow does not have is not there.
    """
    matrices, values = matrix_health(flow), {}
    for name, value in matrices.items():
        if name.startswith("condition_number/"):
            _keep(values, "max_condition_number", max, value)
        else:
            _keep(values, "min_singular_value", min, value)
    x = flow.level_centres(tf.constant(images))
    for visit in walk(flow, x):
        if isinstance(visit.layer, InvertibleShift):
            _keep(values, "min_alpha", min, tf.reduce_min(tf.exp(visit.layer.log_alpha)))
        elif isinstance(visit.layer, AffineCoupling):
            _, seen = visit.layer.partition.split(visit.x)
            scale, _ = visit.layer.scale_and_shift(visit.layer.parameters(seen))
            _keep(values, "min_coupling_scale", min, tf.reduce_min(scale))
    error = tf.reduce_max(tf.abs(flow.decode(flow.encode(x)) - x))
    values["max_reconstruction_error"] = float(error) * 2.0**flow.n_bits
    values["walk_back_drift"] = walk_back_drift(flow, x)
    return {f"health/{name}": value for name, value in values.items()} | matrices


def walk_back_drift(flow: Flow, x: tf.Tensor) -> float:
    """Returns the largest error of any level's input, computed from its output, over the largest of its numbers."""
    drift = 0.0
    x, _ = flow.preprocessing.forward_and_log_det(tf.cast(x, flow.compute_dtype))
    for number, level in enumerate(flow.levels):
        y, _ = level.forward_and_log_det(x)
        error = tf.reduce_max(tf.abs(level.inverse(y) - x)) / tf.reduce_max(tf.abs(x))
        drift = float(np.max([drift, float(error)]))  # (a NaN must not pass as the smaller one)
        if number < len(flow.splits):
            (y, _), _ = flow.splits[number].forward_and_log_det(y)
        x = y
    return drift


def diagnosis(flow: Flow, images: np.ndarray) -> str:
    """Returns one line that names the layer in which numbers stop being finite, or are about to.

    Args:
      flow: whose weights may not be finite.
      images: uint8 `[B, H, W, C]` at which it is looked at.
    """
    weights = non_finite_weights(flow)
    if weights:
        more = f" and {len(weights) - 1} more" if len(weights) > 1 else ""
        return f"the weights {weights[0]}{more} are not finite"
    for visit in walk(flow, flow.level_centres(tf.constant(images))):
        for what, value in (("output", visit.y), ("log-determinant", visit.log_det)):
            if not np.all(np.isfinite(value)):
                return f"{visit.place} is the first layer whose {what} is not finite"
    worst = ill_conditioned(flow, 0.0)
    return f"weights and outputs are finite; {worst[0]}, the largest" if worst else "weights and outputs are finite"


def non_finite_weights(flow: Flow) -> list[str]:
    """Returns the names of all variables that hold a number which isn't finite, with the first step that has it."""
    stacked = {id(variable) for layer in repeated_layers(flow) for variable in layer.variables}
    found = []
    for variable in flow.variables:
        finite = np.isfinite(variable.numpy())
        if not finite.all():
            step = int(np.argmin(finite.reshape(len(finite), -1).all(axis=1))) if id(variable) in stacked else None
            found.append(variable.path if step is None else f"{variable.path}, step {step}")
    return found


def _keep(values, name, choose, value):
    """Keeps the smallest or largest value of a name; NaN, once there, stays."""
    value = float(value)
    values[name] = value if name not in values or np.isnan(value) else choose(values[name], value)
