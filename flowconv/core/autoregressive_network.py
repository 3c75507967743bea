"""The contract between an autoregressive layer and its network."""

from typing import Any, ClassVar

import tensorflow as tf

from flowconv.core.inputs import Inputs
from flowconv.core.network import Network


class AutoregressiveNetwork(Network):
    """A network whose parameters for a pixel depend on those pixels alone that stand before it in an order.

    A pixel's own numbers don't enter its parameters: of which pixels these depend on, the numbers of a pixel are all or
    none. A network sets `steps` when it is built.

    Attributes:
      steps: the pixels, or groups of such, in the longest chain each of which depends on the one before. From its
        output an autoregressive layer's input is exact after as many evaluations.
      is_autoregressive, has_attention: told to who chooses a network by its name, without an import. The logits of an
        attention are divided by `Inputs.attention_temperature`.

    Example:
      >>> from flowconv.bijectors import Autoregressive, Gaussian
      >>> from flowconv.core.autoregressive_network import AutoregressiveNetwork
      >>> from flowconv.networks.made import MadeNetwork
      >>> layer = Autoregressive(Gaussian(), MadeNetwork(width=64, order="rows"))
      >>> layer.build((None, 4, 4, 1))
      >>> isinstance(layer.network, AutoregressiveNetwork), layer.network.steps
      (True, 4)
    """

    is_autoregressive: ClassVar[bool] = True
    has_attention: ClassVar[bool] = False
    steps: int


class CachedNetwork(AutoregressiveNetwork):
    """An autoregressive network that goes on from what it kept of the tokens before: one by one, or a few at a time.

    A token is a patch of pixels, of which nothing but the patches before it is seen; `steps` is their number. Tokens
    are `[B, T, p², C]`, the pixels of a patch in a row. What is kept is a nest of tensors.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Autoregressive, Gaussian
      >>> from flowconv.core.autoregressive_network import CachedNetwork
      >>> from flowconv.networks.causal_transformer import CausalTransformer
      >>> layer = Autoregressive(Gaussian(), CausalTransformer(width=8, blocks=1, heads=2, patch_size=2))
      >>> layer.build((None, 4, 4, 3))
      >>> isinstance(layer.network, CachedNetwork), layer.network.tokens(tf.ones([1, 4, 4, 3])).shape
      (True, TensorShape([1, 4, 4, 3]))
    """

    def tokens(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the tokens of images `[B, H, W, C]`, in their order."""
        raise NotImplementedError

    def images(self, tokens: tf.Tensor) -> tf.Tensor:
        """Returns the images of tokens."""
        raise NotImplementedError

    def context(self, inputs: Inputs) -> tf.Tensor:
        """Returns all that is added to tokens: of their places, and of the condition."""
        raise NotImplementedError

    def empty_cache(self, tokens: tf.Tensor, inputs: Inputs) -> Any:
        """Returns what is kept before the first token."""
        raise NotImplementedError

    def extend(
        self, tokens: tf.Tensor, cache: Any, first: tf.Tensor | int, context: tf.Tensor, inputs: Inputs
    ) -> tuple[tf.Tensor, Any]:
        """Returns the parameters for the tokens that follow each of these, and what is kept with these.

        Args:
          tokens: `[B, S, p², C]`, S in a row.
          cache: of the tokens before.
          first: the first one's place.
          context: of `context`.
          inputs: as of `call`.
        """
        raise NotImplementedError
