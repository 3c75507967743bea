"""What tells early that a flow is about to stop being invertible, and afterwards where it stopped."""

import numpy as np
import tensorflow as tf

from flowconv.bijectors import Affine, Coupling, InvertibleShift
from flowconv.core.inputs import Inputs
from flowconv.data.batches import Examples
from flowconv.evaluation.conditioning import ill_conditioned, matrix_health
from flowconv.evaluation.layer_outputs import layer_outputs, level_outputs, repeated_layers
from flowconv.models import Flow
from flowconv.ops.random import Seed

MEANINGS = {
    "max_condition_number": "the largest condition number of any matrix W, in any step",
    "min_singular_value": "the smallest singular value of any matrix W, in any step",
    "min_alpha": "the smallest |α| of a shift",
    "min_coupling_scale": "the smallest factor of an affine coupling, at a few validation images",
    "max_reconstruction_error": "the largest error of validation images through the whole flow, in pixel levels",
    "walk_back_drift": "the largest error of a level's input computed from its output, over the largest input",
    "condition_number": "decimal logarithms of all matrices' condition numbers",
    "smallest_singular_value": "decimal logarithms of all matrices' smallest singular values",
}


def health(flow: Flow, examples: Examples) -> dict[str, float]:
    """Returns how well a flow can be inverted at the images of examples.

    Returns:
      For every matrix in every step condition_number/PLACE and smallest_singular_value/PLACE; health/X for X of
      max_condition_number and min_singular_value, of all of them; min_alpha, the smallest |α| of a shift;
      min_coupling_scale, the smallest factor of an affine coupling, at these images; max_reconstruction_error, of
      these images through the whole flow, in pixel levels; walk_back_drift, the largest error of a level's input when
      it is computed from the level's output, over the largest input: what `model.backward=invert` works with. What a
      flow does not have is not there.
    """
    matrices = matrix_health(flow)
    values: dict[str, float] = {}
    for name, value in matrices.items():
        if name.startswith("condition_number/"):
            _keep(values, "max_condition_number", max, value)
        else:
            _keep(values, "min_singular_value", min, value)
    x, condition = flow.dequantize_midpoint(examples["image"]), flow.condition_of(examples)
    inputs = Inputs(condition)
    for output in layer_outputs(flow, x, inputs):
        if isinstance(output.layer, InvertibleShift):
            _keep(values, "min_alpha", min, tf.reduce_min(tf.exp(output.layer.log_alpha)))
        elif isinstance(output.layer, Coupling) and isinstance(output.layer.transform, Affine):
            _, x_b = output.layer.mask.split(output.x)
            scale, _ = output.layer.transform.scale_and_shift(output.layer.parameters(x_b, inputs))
            _keep(values, "min_coupling_scale", min, tf.reduce_min(scale))
    error = tf.reduce_max(tf.abs(flow.decode(flow.encode(x, condition), condition) - x))
    values["max_reconstruction_error"] = float(error) * 2.0**flow.n_bits
    values["walk_back_drift"] = inversion_drift(flow, examples)
    return {f"health/{name}": value for name, value in values.items()} | matrices


def inversion_drift(flow: Flow, examples: Examples) -> float:
    """Returns the largest error of any level's input, computed from its output, over the largest of its numbers.

    The flow of a variational dequantization counts as a level.
    """
    x, inputs = flow.dequantize_midpoint(examples["image"]), Inputs(flow.condition_of(examples))
    levels = [(level, given, inputs, y) for level, given, y in level_outputs(flow, x, inputs)]
    if of_noise := flow.dequantization.flow_of_noise(tf.convert_to_tensor(examples["image"]), Inputs(seed=Seed(0))):
        levels.append((*of_noise, of_noise[0].forward(*of_noise[1:])))
    drift = 0.0
    for level, given, inputs, y in levels:
        error = tf.reduce_max(tf.abs(level.inverse(y, inputs) - given)) / tf.reduce_max(tf.abs(given))
        drift = float(np.max([drift, float(error)]))  # (a NaN must not pass as the smaller one)
    return drift


def diagnosis(flow: Flow, examples: Examples) -> str:
    """Returns one line that names the layer in which numbers stop being finite, or are about to.

    Args:
      flow: whose weights may not be finite.
      examples: at whose images it is looked at.
    """
    weights = non_finite_weights(flow)
    if weights:
        more = f" and {len(weights) - 1} more" if len(weights) > 1 else ""
        return f"the weights {weights[0]}{more} are not finite"
    noisy = flow.dequantization.forward_and_log_density(tf.convert_to_tensor(examples["image"]), Inputs(seed=Seed(0)))
    if not all(np.all(np.isfinite(value)) for value in noisy):
        return "dequantization is the first layer whose output or density is not finite"
    x, inputs = flow.dequantize_midpoint(examples["image"]), Inputs(flow.condition_of(examples))
    for output in layer_outputs(flow, x, inputs):
        for what, value in (("output", output.y), ("log-determinant", output.log_det)):
            if not np.all(np.isfinite(value)):
                return f"{output.path} is the first layer whose {what} is not finite"
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
