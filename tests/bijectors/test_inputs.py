"""What a layer is given wrongly: a TypeError or a ValueError that says what it takes."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors import CheckerboardMask, ShuffledChannelMask, StripeMask
from flowconv.bijectors.matrices import MATRICES
from flowconv.conditions.class_ import ClassCondition
from flowconv.surjections.uniform import UniformDequantization
from tests.bijectors.test_bijectors import BIJECTORS, SHAPE, build, images
from tests.layers import additive_coupling, affine_coupling

every_bijector = pytest.mark.parametrize("make", BIJECTORS.values(), ids=BIJECTORS.keys())
FORWARD = ("forward", "forward_and_log_det", "forward_log_det_jacobian")
INVERSE = ("inverse", "inverse_and_log_det", "inverse_log_det_jacobian")


@every_bijector
def test_of_another_kind(make):
    layer = build(make, "float32")
    x = images("float32")
    y = layer.forward(x)
    for methods, value in ((FORWARD, x), (INVERSE, y)):
        several = isinstance(value, tuple)
        for change, error, line in (
            (lambda t: tf.cast(t, tf.int32), TypeError, "expected floats .* got int32"),
            (lambda t: t[..., :1], ValueError, "expected floats .* got float32"),
            (lambda t: tf.concat([t, t], 1), ValueError, "expected floats .* got float32"),
            (lambda t: t[0], ValueError, "expected floats .* got float32"),
            (lambda t: None, TypeError, "expected floats .* got a NoneType"),
        ):
            changed = tuple(map(change, value)) if several else change(value)
            for method in methods:
                with pytest.raises(error, match=line):
                    getattr(layer, method)(changed)


@every_bijector
def test_other_floats_are_cast(make):
    """As layer(x) casts them."""
    layer = build(make, "float32")
    x = images("float64")
    for y in (layer.forward(x), layer(x)):
        assert {part.dtype for part in tf.nest.flatten(y)} == {tf.float32}


@every_bijector
def test_before_it_is_built(make):
    layer = make("float32")
    if type(layer).build is tf.keras.layers.Layer.build:
        assert layer.forward(images("float32")).dtype == tf.float32  # there is nothing to build
        return
    for call in (layer.forward, layer.inverse, lambda x: layer.as_bijector(SHAPE)):
        with pytest.raises(ValueError, match="is not built; call its build"):
            call(images("float32"))


def test_a_split_has_two_outputs():
    layer = build(BIJECTORS["split_standard"], "float32")
    with pytest.raises(TypeError, match="expected 2 tensors, got EagerTensor"):
        layer.inverse(images("float32"))


def test_an_event_of_another_shape():
    with pytest.raises(ValueError, match=r"expected floats \[B, 4, 4, 4\], got float32"):
        build(BIJECTORS["actnorm"], "float32").as_bijector((4, 4, 6))


@pytest.mark.parametrize(
    ("make", "shape", "line"),
    [
        (lambda: affine_coupling(4), (4, 4, 3), "even number of them, got 3"),
        (lambda: additive_coupling(4, CheckerboardMask()), (4, 3, 3), "even width, got 3"),
        (lambda: bijectors.Split(), (4, 4, 3), "must be even, got 3"),
        (lambda: bijectors.Chain([bijectors.Squeeze()]), (4, 3, 3), "must be even, got 4×3"),
    ],
    ids=["channel halves", "checkerboard", "split", "squeeze"],
)
def test_shapes_that_have_no_halves(make, shape, line):
    with pytest.raises(ValueError, match=line):
        make().build((None, *shape))


def test_a_squeeze_of_what_it_can_t_squeeze():
    with pytest.raises(ValueError, match="must be even, got 3×4"):
        bijectors.Squeeze().forward(np.zeros((1, 3, 4, 1), np.float32))
    with pytest.raises(ValueError, match="in fours, got 6"):
        bijectors.Squeeze().inverse(np.zeros((1, 4, 4, 6), np.float32))


@pytest.mark.parametrize("x", [-0.06, 1.06, 255.0, np.inf])
def test_outside_of_the_logit_s_domain(x):
    with pytest.raises(ValueError, match="which is outside of its domain"):
        bijectors.Logit().forward(np.full((1, 2, 2, 3), x, np.float32))


def rearranged_by(bijector):
    return bijectors.Rearranged(bijector, [ShuffledChannelMask(0)])


SEVERAL_OUTPUTS = {
    "a split": bijectors.Split,
    "levels": lambda: bijectors.MultiScale([bijectors.ActNorm(), bijectors.ActNorm()], [bijectors.Split()]),
    "a chain": lambda: bijectors.Chain([bijectors.ActNorm(), bijectors.Split()]),
}
KEEPING_SHAPES = {
    "an inverse": bijectors.Invert,
    "a loop": lambda step: bijectors.Repeated(step, 2),
    "a half": lambda part: bijectors.Halves(part, bijectors.ActNorm()),
    "another order": rearranged_by,
}
WHOLE = {
    "size": bijectors.Squeeze,
    "depth": lambda depth: bijectors.Repeated(bijectors.ActNorm(), depth),
    "rank": lambda rank: bijectors.LowRank(rank=rank),
    "rounds": lambda rounds: bijectors.GroupedShiftConvolution(rounds=rounds),
    "components": bijectors.Mixture,
    "bins": bijectors.Spline,
    "width": additive_coupling,
    "n_bits": UniformDequantization,
    "classes": ClassCondition,
}
WRONG = {
    "per": (lambda: bijectors.InvertibleShift("pixel"), "per must be one of channel, position, got 'pixel'"),
    "shift": (lambda: bijectors.ShiftConvolution("pixel"), "shift must be one of channel, position, got 'pixel'"),
    "a transform alone": (lambda: bijectors.Split(bijectors.Gaussian()), "both a transform and a network, or neither"),
    "backward": (lambda: bijectors.Repeated(bijectors.ActNorm(), 1, "forget"), "backward must be .* got 'forget'"),
    "colour": (lambda: CheckerboardMask(2), "colour must be 0 or 1, got 2"),
    "parity": (lambda: StripeMask(1.0), "parity must be 0 or 1, got 1.0"),
    "scale_floor": (lambda: bijectors.Affine(1.0), r"scale_floor must be within \(0, 1\), got 1.0"),
    "width": (lambda: additive_coupling(0), "width must be a whole number of at least 1, got 0"),
    **{
        f"{name}'s parameterization": (
            lambda name=name: bijectors.build_convolution(name, {"parameterization": "svd"}),
            f"parameterization must be one of {', '.join(MATRICES)}, got 'svd'",
        )
        for name in ("conv1x1", "emerging", "grouped_shift", "rolled_shift", "shift")
    },
    **{
        f"{make.__name__}'s kernel_size {size}": (
            lambda make=make, size=size: make(kernel_size=size),
            f"kernel_size must be odd, so that a window has a middle, got {size}",
        )
        for size in (0, 2, -3, 3.0, np.inf)
        for make in (
            bijectors.AutoregressiveConvolution,
            bijectors.EmergingConvolution,
            bijectors.GroupedShiftConvolution,
            bijectors.ConvolutionExponential,
            bijectors.FourCornerConvolution,
            bijectors.RowAutoregressive,
            bijectors.PeriodicConvolution,
            bijectors.Roll,
            bijectors.RolledShiftConvolution,
        )
    },
    **{
        f"{name} {value}": (
            lambda make=make, value=value: make(value),
            f"{name} must be a whole number .*, got {value!r}",
        )
        for value in (2.0, 2.5, np.inf, np.nan, "two", None)
        for name, make in WHOLE.items()
    },
    "rounds": (
        lambda: bijectors.GroupedShiftConvolution(rounds=0),
        "rounds must be a whole number of at least 1",
    ),
    "border": (lambda: bijectors.GroupedShift([(0, 1)], border="mirror"), "border must be one of periodic, conveyor"),
    "rank": (lambda: bijectors.LowRank(rank=0), "rank must be a whole number of at least 1, got 0"),
    "over": (lambda: bijectors.LowRank("rows"), "over must be one of channels, pixels, got 'rows'"),
    "order": (lambda: bijectors.RowAutoregressive(order="south"), "order must be one of down, up, right, left, got 's"),
    "an inverse of another shape": (
        lambda: bijectors.Invert(bijectors.Squeeze()).build((None, 4, 4, 1)),
        "only a layer that keeps shapes can be inverted, got Squeeze",
    ),
    **{
        f"{what} of {part}": (
            lambda make=make, of=of: make(of()).build((None, 4, 4, 4)),
            "gives a tuple, not one image",
        )
        for part, of in SEVERAL_OUTPUTS.items()
        for what, make in KEEPING_SHAPES.items()
    },
    "a layer after a split": (
        lambda: bijectors.Chain([bijectors.Split(), bijectors.ActNorm(name="last")]).build((None, 4, 4, 4)),
        "last can't follow a layer that gives a tuple",
    ),
    "another order of other shapes": (
        lambda: rearranged_by(bijectors.Squeeze()).build((None, 4, 4, 4)),
        "must keep the shape of images",
    ),
    "one output of two for TFP": (
        lambda: build(lambda _: bijectors.Split(name="split"), "float32").as_bijector(SHAPE),
        "split: gives a tuple, not one image",
    ),
    "a field that none has": (
        lambda: bijectors.build_convolution("emerging", {"kernel_sise": 7}),
        r"emerging has no kernel_sise \(did you mean kernel_size\?\)",
    ),
}


@pytest.mark.parametrize(("make", "line"), WRONG.values(), ids=WRONG.keys())
def test_arguments_that_a_layer_does_not_take(make, line):
    with pytest.raises(ValueError, match=line):
        make()
