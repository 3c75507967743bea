"""Invertible Keras layers, one a file. They know nothing of data, training or Horovod."""

from flowconv.bijectors.actnorm import ActNorm
from flowconv.bijectors.additive_coupling import AdditiveCoupling
from flowconv.bijectors.affine_coupling import AffineCoupling
from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.centre import Centre
from flowconv.bijectors.chain import Chain
from flowconv.bijectors.conv1x1 import Conv1x1
from flowconv.bijectors.initialization import data_dependent_initialization
from flowconv.bijectors.logit import Logit
from flowconv.bijectors.repeated import Repeated
from flowconv.bijectors.shift import InvertibleShift
from flowconv.bijectors.shift_convolution import ShiftConvolution
from flowconv.bijectors.split import Split
from flowconv.bijectors.squeeze import Squeeze

__all__ = [
    "ActNorm",
    "AdditiveCoupling",
    "AffineCoupling",
    "Bijector",
    "Centre",
    "Chain",
    "Conv1x1",
    "InvertibleShift",
    "Logit",
    "Repeated",
    "ShiftConvolution",
    "Split",
    "Squeeze",
    "data_dependent_initialization",
]
