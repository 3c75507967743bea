"""The autoregressive layer: orders, the parallel inverse against the sequential one, its derivatives, and refusals."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import NONE, TRANSFORMS, Additive, Autoregressive, Flip, Gaussian, Inputs, Invert, Repeated
from flowconv.bijectors.autoregressive import LARGEST
from flowconv.conditions.class_ import ClassCondition
from flowconv.conditions.low_resolution import LowResolutionCondition
from flowconv.networks.causal_transformer import CausalTransformer
from flowconv.networks.glow import GlowNetwork
from flowconv.networks.made import MadeNetwork
from flowconv.networks.masked_convolution import MaskedConvolutionNetwork
from flowconv.testing import (
    check_bijector,
    check_compiles,
    check_gradients,
    check_log_det,
    check_round_trip,
    images,
    perturb,
    perturbed,
)
from tests.layers import autoregressive

CONVOLUTION = functools.partial(MaskedConvolutionNetwork, 16, dtype="float64")
NETWORKS = {
    "raster": CONVOLUTION,
    "raster of reach 2": functools.partial(CONVOLUTION, kernel_size=5),
    "quadrant": functools.partial(CONVOLUTION, order="quadrant"),
    "quadrant of reach 2": functools.partial(CONVOLUTION, kernel_size=5, order="quadrant"),
    "rows": functools.partial(CONVOLUTION, order="rows"),
    "made": functools.partial(MadeNetwork, 160, dtype="float64"),
    "made by rows": functools.partial(MadeNetwork, 64, order="rows", dtype="float64"),
    "transformer": functools.partial(CausalTransformer, 8, 1, 2, dtype="float64"),
    "transformer of patches": functools.partial(CausalTransformer, 8, 1, 2, 2, dtype="float64"),
}
# The longest chain of pixels, by the height and width of images.
STEPS = {
    "raster": lambda h, w: 2 * (h - 1) + w,
    "raster of reach 2": lambda h, w: 3 * (h - 1) + w,
    "quadrant": lambda h, w: h + w - 1,
    "quadrant of reach 2": lambda h, w: h + w - 1,
    "rows": lambda h, w: h,
    "made": lambda h, w: h * w,
    "made by rows": lambda h, w: h,
    "transformer": lambda h, w: h * w,
    "transformer of patches": lambda h, w: h * w // 4,
}
every_network = pytest.mark.parametrize("name", NETWORKS)
PAIR = (2, 4, 2)
COUNT = 4  # of images: a unit that is off for one of them is on for another


def layer_of(name, shape, transform=None, scale=0.3, **settings):
    layer = autoregressive(transform, NETWORKS[name](), dtype="float64", **settings)
    return perturbed(layer, shape, scale=scale)


def normal(shape, count=COUNT, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal((count, *shape)))


def depends(layer, shape):
    """Whether a pixel's parameters change with another pixel's numbers, `[pixels, pixels]`, for any of a few images."""
    pixels = shape[0] * shape[1]
    x = normal(shape).numpy()
    moved = np.repeat(x[None], pixels, 0)
    moved.reshape(pixels, COUNT, pixels, shape[2])[range(pixels), :, range(pixels)] += 1.0
    found = layer.parameters(tf.constant(moved.reshape(-1, *shape))).numpy().reshape(pixels, COUNT, pixels, -1)
    changes = found != layer.parameters(tf.constant(x)).numpy().reshape(COUNT, pixels, -1)
    return np.any(changes, axis=(1, 3)).T


def order_of(name, shape):
    """The number of each pixel in its order, `[pixels]`, and whether those before it, and no others, may be seen."""
    rows, columns = np.indices(shape[:2]).reshape(2, -1)
    if "rows" in name:
        number = rows
    elif "patches" in name:
        number = rows // 2 * (shape[1] // 2) + columns // 2
    else:
        number = rows * shape[1] + columns
    before = number[None, :] < number[:, None]
    if "quadrant" in name:
        before &= (rows[None, :] <= rows[:, None]) & (columns[None, :] <= columns[:, None])
    return number, before


def longest_chain(seen, number):
    """The number of pixels in the longest chain in which each sees the one before."""
    length = np.zeros(len(seen), int)
    for pixel in np.argsort(number, kind="stable"):
        length[pixel] = 1 + max(length[seen[pixel]], default=0)
    return max(length)


def sequential(layer, y, number):
    """The inverse, one place of the order after the other."""
    x = np.zeros_like(y)
    for place in range(max(number) + 1):
        better, _ = layer.transform.inverse_and_log_det(y, layer.parameters(tf.constant(x)))
        mine = (number == place).reshape(1, *y.shape[1:3], 1)
        x = np.where(mine, better, x)
    return x


@every_network
@pytest.mark.parametrize("size", [(4, 4), (2, 6)], ids=str)
def test_pixels_see_those_before_them_alone_in_chains_of_the_predicted_length(name, size):
    shape = (*size, 2)
    layer = layer_of(name, shape)
    seen, (number, before) = depends(layer, shape), order_of(name, shape)
    assert not np.any(seen & ~before)
    assert layer.network.steps == STEPS[name](*size) == longest_chain(seen, number)


@every_network
def test_so_many_iterations_are_the_sequential_inverse(name):
    """From any start."""
    shape = (3, 4, 2) if "patches" not in name else (4, 6, 2)
    layer, y = layer_of(name, shape, scale=0.1), normal(shape, 2, seed=1)
    expected = sequential(layer, y, order_of(name, shape)[0])
    assert np.max(np.abs(expected)) < LARGEST  # beyond, an inverse is NaN
    x = y + 5.0
    for _ in range(layer.network.steps):
        x, _ = layer.transform.inverse_and_log_det(y, layer.parameters(x))
    np.testing.assert_allclose(x, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(layer.inverse(y), expected, rtol=1e-10, atol=1e-10)
    assert int(layer.solve(y)[1]) <= layer.network.steps


@pytest.mark.parametrize("name", ["raster", "made", "transformer"])
def test_the_inverse_ends_where_nothing_changes_any_more(name):
    shape = (8, 8, 2)
    layer, y = layer_of(name, shape, scale=0.05), normal(shape, 2)
    x, taken = layer.solve(y)
    assert 1 < int(taken) < layer.network.steps
    np.testing.assert_allclose(layer.forward(x), y, atol=1e-12)
    coarse = Autoregressive.from_config(layer.get_config() | {"tolerance": 0.1})
    coarse.build((None, *shape))
    for variable, value in zip(coarse.variables, layer.variables, strict=True):
        variable.assign(value.value)
    assert int(coarse.solve(y)[1]) < int(taken)
    assert 1e-12 < np.max(np.abs(coarse.inverse(y) - x)) < 0.1


def test_an_image_s_inverse_is_its_own_whatever_its_batch():
    layer, y = layer_of("raster", (4, 4, 2)), normal((4, 4, 2)) * np.array([0.1, 10.0, 1.0, 0.01])[:, None, None, None]
    alone = tf.concat([layer.solve(each)[0] for each in tf.split(y, COUNT)], 0)
    np.testing.assert_allclose(layer.solve(y)[0], alone, rtol=0.0, atol=1e-14)
    counts = {int(layer.solve(each)[1]) for each in tf.split(y, COUNT)}
    assert int(layer.solve(y)[1]) == max(counts)


class OffByOne(MaskedConvolutionNetwork):
    """Lets a pixel see itself."""

    def mask(self, strict=False):
        return super().mask()


def test_a_mask_that_is_off_by_one_gives_nan_and_no_wrong_image():
    layer = perturbed(autoregressive(network=OffByOne(16, dtype="float64"), dtype="float64"), (4, 4, 2), scale=0.5)
    x = normal((4, 4, 2))
    assert np.all(np.isnan(layer.inverse(layer.forward(x))))
    with pytest.raises(AssertionError):
        check_log_det(layer, x, NONE, 1e-9)


def test_what_overflows_comes_back_as_nan_and_spoils_no_other():
    layer, y = layer_of("raster", (4, 4, 2)), normal((4, 4, 2))
    expected = layer.inverse(y)
    spoilt = tf.concat([y[:1], y[1:2] * 1e9, y[2:]], 0)
    found = layer.inverse(spoilt)
    assert np.all(np.isnan(found[1]))
    np.testing.assert_allclose(found[2:], expected[2:], atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["quadrant", "transformer"])
def test_an_image_with_huge_numbers_comes_back_right_or_as_nan(name, dtype):
    """Of numbers beside 10¹¹ an error of 2 is none by their size."""
    layer = perturbed(autoregressive(network=NETWORKS[name](dtype=dtype), dtype=dtype), (4, 4, 2), scale=0.1)
    y = np.tile(normal((4, 4, 2), count=1), (6, 1, 1, 1))
    sizes = np.array([1.0, 1e2, 1e4, 1e7, 1e9, 1e11])
    y[:, 0, 0, 0] = sizes
    y = tf.constant(y, dtype)
    found = layer.inverse(y).numpy()
    wrong = np.abs(layer.forward(tf.constant(found)) - y).max(axis=(1, 2, 3)) / sizes
    is_nan = np.isnan(found).any(axis=(1, 2, 3))
    assert np.all(is_nan | (wrong < {"float32": 1e-4, "float64": 1e-9}[dtype]))
    assert not is_nan[0] and np.all(is_nan[3:])
    expected = sequential(layer, y.numpy(), order_of(name, (4, 4, 2))[0])
    limit = {"float32": 1e-3, "float64": 1e-9}[dtype] * sizes[:, None, None, None]
    assert np.all((np.abs(found - expected) < limit)[~is_nan])


def test_what_is_far_off_on_the_way_is_no_error():
    layer = layer_of("made", (4, 4, 2))
    x = normal((4, 4, 2)) * 0.5
    y = layer.forward(x)
    better, _ = layer.transform.inverse_and_log_det(y, layer.parameters(y))
    assert np.max(np.abs(better)) > LARGEST
    np.testing.assert_allclose(layer.inverse(y), x, atol=1e-12)


def test_an_autoregressive_layer_is_proven():
    """Round trip, log-determinant, gradients, the three ways back through depth, XLA, and the configuration."""
    check_bijector(
        lambda: autoregressive(network=NETWORKS["transformer of patches"](), dtype="float64"), PAIR, tolerance=1e-9
    )


@every_network
def test_every_network_is_inverted_and_differentiated(name):
    layer, x = layer_of(name, (2, 2, 2), scale=0.1), images((2, 2, 2), "float64", count=1)
    check_round_trip(layer, x, NONE, 1e-9)
    check_log_det(layer, x, NONE, 1e-9)
    check_gradients(layer, x, NONE, 1e-9)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_every_transform_goes_with_networks_of_every_kind(transform):
    """By turns."""
    name = ["raster", "made by rows", "transformer"][TRANSFORMS.names.index(transform) % 3]
    layer = layer_of(name, (2, 2, 2), TRANSFORMS.make(transform, {}), scale=0.1)
    x = images((2, 2, 2), "float64", count=1)
    check_round_trip(layer, x, NONE, 1e-9)
    check_log_det(layer, x, NONE, 1e-9)
    check_gradients(layer, x, NONE, 1e-9)


def derivatives(function, layer, y, inputs=NONE):
    """First ones of a loss by the input, conditions and weights, and second ones along a direction."""
    sources = [y, *inputs.differentiable(), *(variable.value for variable in layer.trainable_variables)]
    with tf.GradientTape() as outer:
        outer.watch(sources)
        with tf.GradientTape() as tape:
            tape.watch(sources)
            x, log_det = function(y, inputs)
            loss = tf.reduce_sum(tf.sin(3.0 * x)) + tf.tensordot(log_det, tf.constant([1.0, -2.0], y.dtype), 1)
        first = tape.gradient(loss, sources)
        along = tf.reduce_sum(first[0] * tf.cos(y))
    return first, outer.gradient(along, sources, unconnected_gradients="zero")


def test_derivatives_of_the_inverse_are_those_of_its_iteration():
    """As automatic differentiation has them, of first and second order."""
    condition = LowResolutionCondition((8, 8, 1))
    network = NETWORKS["quadrant"](condition=condition)
    layer = perturbed(autoregressive(network=network, dtype="float64"), (4, 4, 1), scale=0.1)
    y, inputs = normal((4, 4, 1), 2), Inputs(normal((2, 2, 1), 2, seed=3))

    def unrolled(y, inputs):
        x = y
        for _ in range(layer.network.steps):
            x, _ = layer.transform.inverse_and_log_det(y, layer.parameters(x, inputs))
        return layer.transform.inverse_and_log_det(y, layer.parameters(x, inputs))

    for found, expected in zip(
        derivatives(layer.inverse_and_log_det, layer, y, inputs), derivatives(unrolled, layer, y, inputs), strict=True
    ):
        assert np.any(expected[0] != 0.0)
        for each, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(each, other, rtol=1e-7, atol=1e-8)


def test_an_inverse_autoregressive_flow_is_proven():
    """The inverse trained through, in all three ways of a depth loop, and with XLA."""
    check_bijector(
        lambda: Invert(autoregressive(network=NETWORKS["quadrant"](), dtype="float64"), dtype="float64"),
        PAIR,
        tolerance=1e-8,
    )


@pytest.mark.parametrize(("name", "segments"), [("transformer", 8), ("transformer of patches", 2)])
def test_segments_are_solved_one_after_the_other(name, segments):
    """With what is kept of those before: as many as there are steps is sequential sampling."""
    shape = (2, 4, 2) if name == "transformer" else (4, 8, 2)
    condition = ClassCondition(3)
    layer = perturbed(
        autoregressive(network=NETWORKS[name](condition=condition), segments=segments, dtype="float64"), shape
    )
    inputs = Inputs(tf.constant([2, 0, 1]))
    check_round_trip(layer, images(shape, "float64"), inputs, 1e-10)
    if segments == 2:
        check_compiles(layer, images(shape, "float64"), inputs, 1e-10)
    y = normal(shape, 3)
    x, taken = layer.solve(y, inputs)
    np.testing.assert_allclose(layer.forward(x, inputs), y, atol=1e-11)
    if segments == layer.network.steps:
        assert int(taken) == segments
    else:
        assert segments < int(taken) <= layer.network.steps + segments


def test_segments_have_the_gradients_of_the_whole():
    make = functools.partial(autoregressive, dtype="float64")
    whole, parts = (perturbed(make(network=NETWORKS["transformer"](), segments=n), PAIR) for n in (1, 4))
    y = normal(PAIR, 2)
    for found, expected in zip(
        *(derivatives(layer.inverse_and_log_det, layer, y)[0] for layer in (parts, whole)), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-10)


def test_depth_alternates_its_order_by_flips():
    """The first pixel is constant under one layer, and the last under the next one."""
    layer = perturbed(Repeated(autoregressive(dtype="float64"), 1, dtype="float64"), (3, 3, 1))
    x = normal((3, 3, 1), 1)
    moved = tf.tensor_scatter_nd_add(x, [[0, 2, 2, 0]], tf.constant([1.0], x.dtype))
    assert np.all(layer.forward(moved).numpy()[0].ravel()[:-1] == layer.forward(x).numpy()[0].ravel()[:-1])
    flip = Flip(dtype="float64")
    turned = [layer.forward(flip.forward(each)) for each in (x, moved)]
    assert np.sum(turned[0] != turned[1]) > 1 and np.all((turned[0] != turned[1])[0, 0, 0])


@every_network
def test_a_new_layer_is_the_identity(name):
    layer = autoregressive(network=NETWORKS[name](), dtype="float64")
    layer.build((None, 4, 4, 2))
    layer.reset_weights()
    y, log_det = layer.forward_and_log_det(normal((4, 4, 2)))
    np.testing.assert_array_equal(y, normal((4, 4, 2)))
    np.testing.assert_array_equal(log_det, 0.0)


def test_mixed_precision_inverts_what_it_made():
    network = CausalTransformer(8, 1, 2, dtype="mixed_bfloat16")
    layer = perturbed(autoregressive(network=network, segments=4, dtype="float32"), (4, 4, 2))
    x = images((4, 4, 2))
    for inputs in (NONE, Inputs(full_precision=True)):
        check_round_trip(layer, x, Inputs(full_precision=True), 1e-5)
        assert layer.parameters(x, inputs).dtype == tf.float32


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (
            lambda: Autoregressive(Gaussian(), GlowNetwork(4)),
            "network must be one whose pixels depend on those before them alone, got GlowNetwork",
        ),
        (lambda: autoregressive(segments=0), "segments must be a whole number of at least 1, got 0"),
        (
            lambda: autoregressive(segments=4),
            "segments must be 1 with MaskedConvolutionNetwork, which keeps nothing of a segment, got 4",
        ),
        (
            lambda: autoregressive(network=CausalTransformer(8, 1, 2), segments=3).build((None, 4, 4, 1)),
            "segments must divide the 16 steps of the network's order, got 3",
        ),
        (lambda: autoregressive(tolerance=1.0), r"tolerance must be within \[0, 1\), got 1.0"),
        (lambda: MaskedConvolutionNetwork(order="spiral"), "order must be one of raster, quadrant, rows, got 'spiral'"),
        (lambda: MadeNetwork(order="quadrant"), "order must be one of raster, rows, got 'quadrant'"),
        (lambda: MaskedConvolutionNetwork(kernel_size=1), "kernel_size must be at least 3, so that a pixel has .*"),
        (lambda: MaskedConvolutionNetwork(kernel_size=4), "kernel_size must be odd, so that a window has a middle, .*"),
        (
            lambda: autoregressive(network=CausalTransformer(8, 1, 2, 3)).build((None, 4, 4, 1)),
            "patch_size must divide the height and the width of every level's images, here 4×4, got 3",
        ),
        (lambda: CausalTransformer(10, heads=4), "width must be divisible by heads = 4, .*, got 10"),
    ],
)
def test_refuses(make, line):
    with pytest.raises(ValueError, match=f"^{line}$"):
        make()


def test_additive_layers_keep_volumes():
    layer = layer_of("raster", (4, 4, 2), Additive())
    perturb(layer)
    np.testing.assert_array_equal(layer.forward_log_det_jacobian(normal((4, 4, 2))), 0.0)
