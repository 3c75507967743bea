"""Guidance of samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from flowconv.core import arguments

if TYPE_CHECKING:
    from flowconv.core.condition import Condition
    from flowconv.core.inputs import Inputs


@dataclasses.dataclass(frozen=True)
class Guidance:
    """Parameters p of autoregressive layers become p + w·(p − q), with q those of a weaker network (Zhai et al. 2024).

    The weaker one is the network itself without its condition, as in classifier-free guidance; or with an attention
    whose logits are divided by a temperature; or both. A guided flow is a flow with the same inverse and the same order
    of pixels, but another density: what it draws is likelier under the condition, and less varied.

    Args:
      weight: w, at least 0.
      attention_temperature: of the weaker network, above 0; at 1 it has the attention of the other.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Guidance
      >>> float(Guidance(weight=3.0).combined([tf.constant(2.0), tf.constant(1.0)]))
      5.0

    References:
      Ho, Salimans 2022, "Classifier-Free Diffusion Guidance".
      Zhai et al. 2024, "Normalizing Flows are Capable Generative Models".
    """

    weight: float
    attention_temperature: float = 1.0

    def __post_init__(self) -> None:
        arguments.number(self.weight, lambda w: 0.0 <= w < float("inf"), "weight", "a finite number of at least 0")
        arguments.number(
            self.attention_temperature,
            lambda t: 0.0 < t < float("inf"),
            "attention_temperature",
            "a finite number above 0",
        )

    def views(self, inputs: Inputs, condition: Condition | None) -> tuple[Inputs, Inputs]:
        """Returns the inputs of p and those of q.

        Args:
          inputs: of the layer.
          condition: the kind that its network sees; None of one that sees none.

        Raises:
          ValueError: if they are the same.
        """
        strong = dataclasses.replace(inputs, guidance=None)
        unknown = condition.unknown(inputs.condition) if condition is not None else None
        if unknown is None and self.attention_temperature == 1.0:
            raise ValueError(
                "guidance needs a flow trained with label_dropout above 0, or an attention_temperature other than 1"
            )
        weak = dataclasses.replace(strong, attention_temperature=self.attention_temperature)
        return strong, weak if unknown is None else dataclasses.replace(weak, condition=unknown)

    def combined(self, parameters: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns p + w·(p − q) of p and q."""
        strong, weak = parameters
        return strong + self.weight * (strong - weak)
