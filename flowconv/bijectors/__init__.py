"""Invertible Keras layers, one a file. They know nothing of data, training or Horovod.

`CONVOLUTIONS`, `MATRICES`, `PREPROCESSINGS` and `TRANSFORMS` are the names of the parts in a folder, of which
`build_convolution` and the like make one. `NONE` are inputs with nothing in them.

Example:
  >>> from flowconv.bijectors import CONVOLUTIONS, MATRICES, NONE, PREPROCESSINGS, TRANSFORMS
  >>> "shift" in CONVOLUTIONS, "plu" in MATRICES, "logit" in PREPROCESSINGS, "affine" in TRANSFORMS
  (True, True, True, True)
  >>> NONE.seed is None
  True
"""

from flowconv.bijectors.actnorm import ActNorm
from flowconv.bijectors.autoregressive import Autoregressive
from flowconv.bijectors.autoregressive_convolution import AutoregressiveConvolution
from flowconv.bijectors.bijector import Bijector, Gradients
from flowconv.bijectors.chain import Chain
from flowconv.bijectors.conditional import Conditional
from flowconv.bijectors.convolution_exponential import ConvolutionExponential
from flowconv.bijectors.convolutions import CONVOLUTIONS, build_convolution
from flowconv.bijectors.convolutions.conv1x1 import Conv1x1
from flowconv.bijectors.convolutions.emerging import EmergingConvolution
from flowconv.bijectors.convolutions.exponential import ExponentialConvolution
from flowconv.bijectors.convolutions.four_corner import FourCornerConvolution
from flowconv.bijectors.convolutions.grouped_shift import GroupedShiftConvolution
from flowconv.bijectors.convolutions.inverse_emerging import InverseEmergingConvolution
from flowconv.bijectors.convolutions.macow import MacowConvolution
from flowconv.bijectors.convolutions.periodic import PeriodicConvolution
from flowconv.bijectors.convolutions.reverse import Reverse
from flowconv.bijectors.convolutions.rolled_shift import RolledShiftConvolution
from flowconv.bijectors.convolutions.shift import ShiftConvolution
from flowconv.bijectors.convolutions.shuffle import Shuffle
from flowconv.bijectors.convolutions.woodbury import WoodburyConvolution
from flowconv.bijectors.coupling import Coupling
from flowconv.bijectors.diagonal import Diagonal
from flowconv.bijectors.elementwise import TRANSFORMS, build_transform
from flowconv.bijectors.elementwise.additive import Additive
from flowconv.bijectors.elementwise.affine import Affine
from flowconv.bijectors.elementwise.bounded_affine import BoundedAffine
from flowconv.bijectors.elementwise.gaussian import Gaussian
from flowconv.bijectors.elementwise.mixture import Mixture
from flowconv.bijectors.elementwise.spline import Spline
from flowconv.bijectors.grouped_shift_rounds import GroupedShiftRounds
from flowconv.bijectors.halves import Halves
from flowconv.bijectors.invert import Invert
from flowconv.bijectors.invertible_shift import InvertibleShift
from flowconv.bijectors.low_rank import LowRank
from flowconv.bijectors.masks import (
    AlternatingMask,
    ChannelMask,
    CheckerboardMask,
    Mask,
    PackedMask,
    ShuffledChannelMask,
    StripeMask,
)
from flowconv.bijectors.matrices import MATRICES, build_matrix
from flowconv.bijectors.multiscale.multiscale import MultiScale
from flowconv.bijectors.multiscale.split import Split
from flowconv.bijectors.pixels import PREPROCESSINGS, build_preprocessing
from flowconv.bijectors.pixels.centre import Centre
from flowconv.bijectors.pixels.logit import Logit
from flowconv.bijectors.pixels.symmetric import Symmetric
from flowconv.bijectors.rearranged import Rearranged
from flowconv.bijectors.repeated import Repeated
from flowconv.bijectors.reshape.flatten import Flatten
from flowconv.bijectors.reshape.flip import Flip
from flowconv.bijectors.reshape.grouped_shift import GroupedShift
from flowconv.bijectors.reshape.permutation import Permutation
from flowconv.bijectors.reshape.reorder import Reorder
from flowconv.bijectors.reshape.roll import Roll
from flowconv.bijectors.reshape.squeeze import Squeeze
from flowconv.bijectors.reshape.swap_halves import SwapHalves
from flowconv.bijectors.residual import Residual
from flowconv.bijectors.row_autoregressive import RowAutoregressive
from flowconv.bijectors.square_matrix import SquareMatrix
from flowconv.bijectors.transform import Transform
from flowconv.core.guidance import Guidance
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.random import Seed

__all__ = [
    "CONVOLUTIONS",
    "MATRICES",
    "NONE",
    "PREPROCESSINGS",
    "TRANSFORMS",
    "ActNorm",
    "Additive",
    "Affine",
    "AlternatingMask",
    "Autoregressive",
    "AutoregressiveConvolution",
    "Bijector",
    "BoundedAffine",
    "Centre",
    "Chain",
    "ChannelMask",
    "CheckerboardMask",
    "Conditional",
    "Conv1x1",
    "ConvolutionExponential",
    "Coupling",
    "Diagonal",
    "EmergingConvolution",
    "ExponentialConvolution",
    "Flatten",
    "Flip",
    "FourCornerConvolution",
    "Gaussian",
    "Gradients",
    "GroupedShift",
    "GroupedShiftConvolution",
    "GroupedShiftRounds",
    "Guidance",
    "Halves",
    "Inputs",
    "InverseEmergingConvolution",
    "Invert",
    "InvertibleShift",
    "Logit",
    "LowRank",
    "MacowConvolution",
    "Mask",
    "Mixture",
    "MultiScale",
    "PackedMask",
    "PeriodicConvolution",
    "Permutation",
    "Rearranged",
    "Reorder",
    "Repeated",
    "Residual",
    "Reverse",
    "Roll",
    "RolledShiftConvolution",
    "RowAutoregressive",
    "Seed",
    "ShiftConvolution",
    "Shuffle",
    "ShuffledChannelMask",
    "Spline",
    "Split",
    "SquareMatrix",
    "Squeeze",
    "StripeMask",
    "SwapHalves",
    "Symmetric",
    "Transform",
    "WoodburyConvolution",
    "build_convolution",
    "build_matrix",
    "build_preprocessing",
    "build_transform",
]
