"""A network of two convolutions."""

from flowconv.core.inputs import NONE
from flowconv.core.network import Network
from flowconv.networks.layers.convolutions import ActNormConv2D, ZeroConv2D
from flowconv.ops.relu import relu


class ShallowNetwork(Network):
    """3×3 convolution with an ActNorm, ReLU, 3×3 convolution that is zero at first.

    Args:
      filters: channels of the hidden layer.
    """

    def __init__(self, filters: int = 16, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape):
        self.first = ActNormConv2D(self.filters, 3, dtype=self.dtype_policy, name="first")
        self.last = ZeroConv2D(self.outputs, 3, dtype=self.dtype_policy, name="last")
        self.first.build(input_shape)
        self.last.build((*input_shape[:-1], self.filters))

    def call(self, x, inputs=NONE):
        return self.last.call(relu(self.first.call(x)))

    def initialize(self, x, inputs, average):
        return self.last.call(relu(self.first.initialize(x, average)))
