"""The paper's model as a Glow."""

import tensorflow as tf

from flowconv.models.flow import Flow
from flowconv.ops.log_scale import soft_clip


def fold_shift(flow: Flow, into: Flow) -> None:
    """Gives `into` the weights with which it is the same function as `flow`.

    In a step with one α and β a channel, actnorm → shift → 1×1 is actnorm → 1×1: α ⊙ (x ⊙ γ + β₀) + β =
    x ⊙ (α ⊙ γ) + (α ⊙ β₀ + β).

    Args:
      flow: a Glow with model.convolution=shift and model.shift=channel.
      into: one with model.convolution=conv1x1 and otherwise the same arguments.

    Raises:
      ValueError: if they are not such a pair.
    """
    weights = {variable.path: tf.convert_to_tensor(variable.value) for variable in flow.variables}
    shifts = {path.removesuffix("shift.beta") for path in weights if path.endswith("convolution.shift.beta")}
    if not shifts or any(weights[f"{shift}shift.beta"].shape.rank != 2 for shift in shifts):
        raise ValueError("only a Glow whose shifts have one α and β a channel can be folded")
    folded = {path.replace("convolution.conv1x1.", "convolution."): value for path, value in weights.items()}
    for shift in shifts:
        log_alpha = soft_clip(folded.pop(f"{shift}shift.log_alpha"))
        beta = folded.pop(f"{shift}shift.beta")
        actnorm = shift.replace("convolution.", "actnorm.")
        folded[f"{actnorm}log_scale"] += log_alpha
        folded[f"{actnorm}bias"] = folded[f"{actnorm}bias"] * tf.exp(log_alpha) + beta
    if folded.keys() != {variable.path for variable in into.variables}:
        raise ValueError("the flow that is folded into must differ in its convolution, conv1x1, alone")
    for variable in into.variables:
        variable.assign(folded[variable.path])
