"""The inputs of a layer beside its images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import tensorflow as tf

from flowconv.core.guidance import Guidance
from flowconv.ops.batch_parallel import split_batch
from flowconv.ops.random import Seed


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Everything that a layer's result depends on beside its images and its weights.

    Attributes:
      condition: a tensor `[B, …]`, or a nest of such: labels, images or vectors to condition on.
      seed: of randomness, as of dropout; a layer that draws uses `seed.fold_in` for draws of its own.
      training: whether layers behave as in training.
      full_precision: whether networks compute in their variables' dtype, whatever their policy says. Rounded to
        bfloat16, a network's output jumps where its input crosses a boundary of rounding. The inverse sees its input
        with float32's errors, and a few of 10⁵ numbers cross: an image would come back changed by whole levels.
      guidance: by which autoregressive layers are another map; None: by none.
      attention_temperature: by which the logits of causal attention are divided; set by guidance alone.
      memo: what slices of a batch share, see `once`; set by the depth loop alone.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Inputs, Seed
      >>> inputs = Inputs(condition=tf.constant([3, 7]), seed=Seed(0))
      >>> [part.condition.numpy().tolist() for part in inputs.split([1, 1])]
      [[3], [7]]
    """

    condition: Any = None
    seed: Seed | None = None
    training: bool = False
    full_precision: bool = False
    guidance: Guidance | None = None
    attention_temperature: float = 1.0
    memo: dict[Hashable, Any] | None = dataclasses.field(default=None, repr=False, compare=False)

    def once(self, method: Callable[..., Any], *arguments: Hashable) -> Any:
        """Returns method(*arguments), which depends on weights alone: slices of a batch share it."""
        if self.memo is None:
            return method(*arguments)
        key = (method.__self__, method.__name__, arguments)  # type: ignore[attr-defined]
        if key not in self.memo:
            self.memo[key] = method(*arguments)
        return self.memo[key]

    def sharing(self) -> Inputs:
        """Returns inputs with a memo: evaluations with them share what the first one computed of weights alone."""
        return self if self.memo is not None else dataclasses.replace(self, memo={})

    def unshared(self) -> Inputs:
        """Returns the inputs within a loop: what is computed there can't be shared with slices outside of it."""
        return dataclasses.replace(self, memo=None)

    def fold_in(self, number: tf.Tensor | int) -> Inputs:
        """Returns the inputs of the part of a layer with this number: its seed is another one."""
        return self if self.seed is None else dataclasses.replace(self, seed=self.seed.fold_in(number))

    def tensors(self) -> list[tf.Tensor]:
        """Returns the condition's tensors in a list."""
        return tf.nest.flatten(self.condition) if self.condition is not None else []

    def with_tensors(self, tensors: Sequence[tf.Tensor]) -> Inputs:
        """Returns the same inputs with other tensors in the condition, in the order of `tensors()`."""
        if not tensors:
            return self
        return dataclasses.replace(self, condition=tf.nest.pack_sequence_as(self.condition, list(tensors)))

    def differentiable(self) -> list[tf.Tensor]:
        """Returns those of `tensors()` that have a gradient: of floats."""
        return [tensor for tensor in self.tensors() if tensor.dtype.is_floating]

    def split(self, sizes: Sequence[int | None]) -> list[Inputs]:
        """Returns the inputs of each slice of the batch."""
        if len(sizes) == 1:
            return [self]
        slices = [split_batch(tensor, sizes) for tensor in self.tensors()]
        parts = [self.with_tensors([tensors[number] for tensors in slices]) for number in range(len(sizes))]
        if self.seed is not None:
            begins = [sum(size or 0 for size in sizes[:number]) for number in range(len(sizes))]
            parts = [
                dataclasses.replace(part, seed=self.seed.skip(begin)) for part, begin in zip(parts, begins, strict=True)
            ]
        return parts


NONE = Inputs()
