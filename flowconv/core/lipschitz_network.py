"""The contract between a residual layer and its network."""

from typing import Any, ClassVar

from flowconv.core import arguments
from flowconv.core.network import Network


class LipschitzNetwork(Network):
    """A network that is a contraction: |g(x) − g(x′)| ≤ contraction·|x − x′| in the Euclidean norm of an image.

    The bound is proven, whatever the weights are, and holds for images of the size that the network is built for.

    Args:
      contraction: the bound, within (0, 1).

    Raises:
      ValueError: for another one.

    Example:
      >>> from flowconv.core.lipschitz_network import LipschitzNetwork
      >>> from flowconv.networks.lipschitz_convolution import LipschitzConvolutionNetwork
      >>> network = LipschitzConvolutionNetwork(width=8, contraction=0.5)
      >>> isinstance(network, LipschitzNetwork), network.contraction
      (True, 0.5)
    """

    is_lipschitz: ClassVar[bool] = True

    def __init__(self, contraction: float = 0.9, **kwargs: Any):
        super().__init__(**kwargs)
        arguments.number(contraction, lambda c: 0.0 < c < 1.0, "contraction", "within (0, 1)")
        self.contraction = contraction
