"""Invertible Keras layers, one a file. They know nothing of data, training or Horovod."""

from flowconv.bijectors.actnorm import ActNorm
from flowconv.bijectors.additive_coupling import AdditiveCoupling
from flowconv.bijectors.affine_coupling import AffineCoupling
from flowconv.bijectors.autoregressive_convolution import AutoregressiveConvolution
from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.centre import Centre
from flowconv.bijectors.chain import Chain
from flowconv.bijectors.convolutions import CONVOLUTIONS, build_convolution
from flowconv.bijectors.convolutions.conv1x1 import Conv1x1
from flowconv.bijectors.convolutions.emerging import EmergingConvolution
from flowconv.bijectors.convolutions.periodic import PeriodicConvolution
from flowconv.bijectors.convolutions.reverse import Reverse
from flowconv.bijectors.convolutions.rolled_shift import RolledShiftConvolution
from flowconv.bijectors.convolutions.shift import ShiftConvolution
from flowconv.bijectors.convolutions.shuffle import Shuffle
from flowconv.bijectors.initialization import data_dependent_initialization, drawn_later
from flowconv.bijectors.logit import Logit
from flowconv.bijectors.precision import full_precision
from flowconv.bijectors.repeated import Repeated
from flowconv.bijectors.roll import Roll
from flowconv.bijectors.shift import InvertibleShift
from flowconv.bijectors.split import Split
from flowconv.bijectors.squeeze import Squeeze

__all__ = [
    "CONVOLUTIONS",
    "ActNorm",
    "AdditiveCoupling",
    "AffineCoupling",
    "AutoregressiveConvolution",
    "Bijector",
    "Centre",
    "Chain",
    "Conv1x1",
    "EmergingConvolution",
    "InvertibleShift",
    "Logit",
    "PeriodicConvolution",
    "Repeated",
    "Reverse",
    "Roll",
    "RolledShiftConvolution",
    "ShiftConvolution",
    "Shuffle",
    "Split",
    "Squeeze",
    "build_convolution",
    "data_dependent_initialization",
    "drawn_later",
    "full_precision",
]
