"""The convolutions of a step against plain matrices."""

import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors import CheckerboardMask, convolutions
from flowconv.bijectors.autoregressive_convolution import AutoregressivePair
from flowconv.bijectors.matrices import MATRICES
from flowconv.models import glow
from flowconv.ops import circulant
from flowconv.ops.triangular_solve import substitute_back
from flowconv.testing import jacobian, perturbed
from tests.layers import affine_coupling


def images(shape, n=2, dtype="float64"):
    return tf.constant(np.random.default_rng(1).standard_normal((n, *shape)), dtype)


def places(shape):
    """Row, column and channel of each number of a flattened image, `[D, 3]`."""
    return np.stack(np.unravel_index(np.arange(np.prod(shape)), shape), axis=1)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("kernel_size", "window"), [(1, 1), (3, 2), (5, 3)])
def test_the_mask_of_autoregressive_convolutions(kernel_size, window, reverse):
    """Zeros of the Jacobian: what a number may not depend on; and all that it may depend on is there."""
    shape = (4, 5, 3)
    layer = perturbed(bijectors.AutoregressiveConvolution(kernel_size, reverse, dtype="float64"), shape)
    matrix = jacobian(layer.forward, images(shape, 1))
    place = places(shape)
    row, column, channel = np.moveaxis(place[None] - place[:, None], 2, 0)  # of the input, seen from the output
    if reverse:
        row, column, channel = -row, -column, -channel
    allowed = (row >= 0) & (row < window) & (column >= 0) & (column < window)
    allowed &= (row > 0) | (column > 0) | (channel <= 0)
    np.testing.assert_array_equal(matrix != 0, allowed)


BLOCKS = [
    (3, (2, 6, 16)),
    (5, (3, 8, 13)),
    (9, (2, 6, 16)),
    (3, (2, 3, 49)),
]  # several a row
WIDE = [(5, (1, 3, 2)), (7, (2, 3, 2)), (7, (1, 1, 2)), (9, (5, 1, 2)), (11, (4, 4, 2)), (15, (3, 5, 1))]  # as images


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("kernel_size", "shape"), [(3, (4, 4, 3)), (3, (3, 6, 2)), (5, (6, 3, 2)), (3, (1, 1, 4)), *WIDE, *BLOCKS]
)
def test_the_autoregressive_inverse_is_a_dense_triangular_solve(kernel_size, shape, reverse):
    layer = perturbed(bijectors.AutoregressiveConvolution(kernel_size, reverse, dtype="float64"), shape)
    matrix = jacobian(layer.forward, images(shape, 1))
    # In the order of rows, columns and channels the matrix is upper triangular but for the channels.
    channels = np.arange(matrix.shape[0]).reshape(-1, shape[-1])[:, ::-1].ravel()
    order = channels[::-1] if reverse else channels
    triangular = matrix[np.ix_(order, order)]
    np.testing.assert_array_equal(triangular, np.triu(triangular))
    y = images(shape, 3)
    expected = np.empty((3, matrix.shape[0]))
    expected[:, order] = scipy.linalg.solve_triangular(triangular, y.numpy().reshape(3, -1)[:, order].T).T
    np.testing.assert_allclose(layer.inverse(y).numpy().reshape(3, -1), expected, atol=1e-10)
    np.testing.assert_allclose(layer.forward_log_det_jacobian(y)[0], np.sum(np.log(np.diag(triangular))), atol=1e-10)


def test_an_inverse_of_any_window_on_any_image_is_one():
    """Windows from a pixel to several times the image, in every combination of small sizes."""
    for kernel_size in range(1, 12, 2):
        for height in range(1, 5):
            for width in range(1, 5):
                pair = perturbed(AutoregressivePair(kernel_size, dtype="float64"), (height, width, 1))
                x = images((height, width, 1), 1)
                np.testing.assert_allclose(
                    pair.inverse(pair.forward(x)), x, atol=1e-9, err_msg=f"{kernel_size} {height}×{width}"
                )


@pytest.mark.parametrize("batch", [1, 2, 3, None])
def test_a_pair_of_autoregressive_convolutions_is_its_two_parts(batch):
    shape = (5, 4, 3)
    pair = perturbed(AutoregressivePair(dtype="float64"), shape)
    y = images(shape, batch or 3)
    inverse = tf.function(pair.inverse, input_signature=[tf.TensorSpec((batch, *shape), tf.float64)])
    first, second = pair.layers
    np.testing.assert_allclose(inverse(y), first.inverse(second.inverse(y)), atol=1e-12)
    matrix = jacobian(pair.forward, y[:1])
    centre = np.flatnonzero((places(shape) == (2, 2, 1)).all(axis=1))[0]
    seen = places(shape)[matrix[centre] != 0]
    assert {(row - 2, column - 2) for row, column, _ in seen} >= {(-1, -1), (-1, 0), (0, 0), (0, 1), (1, 0), (1, 1)}


def test_the_emerging_inverse_leaves_a_small_residual():
    shape = (16, 16, 48)
    layer = perturbed(bijectors.EmergingConvolution(), shape, scale=0.02)
    y = images(shape, 4, "float32")
    assert np.max(np.abs(layer.forward(layer.inverse(y)) - y)) < 1e-4


@pytest.mark.parametrize("compiled", [False, True])
def test_a_spoiled_emerging_inverse_is_nan_and_never_wrong(compiled):
    """With large taps the inverse grows from pixel to pixel until rounding is all there is."""
    shape = (16, 16, 12)
    pair = perturbed(AutoregressivePair(), shape, scale=0.2)
    inverse = tf.function(pair.inverse, autograph=False, jit_compile=compiled)
    y = pair.forward(images(shape, 3, "float32")) * tf.constant([1.0, 0.0, 1.0])[:, None, None, None]
    x = inverse(y)
    assert np.all(np.isnan(x[0])) and np.all(np.isnan(x[2]))
    np.testing.assert_array_equal(x[1], 0.0)
    unchecked = substitute_back([y], pair.systems()[::-1])[0]
    assert not np.max(np.abs(unchecked - images(shape, 3, "float32"))[0]) < 0.01  # so it would have been wrong
    assert np.max(np.abs(pair.forward(unchecked) - y)) < 1e-3  # which its residual does not tell
    assert np.all(np.isnan(pair.inverse(y * np.nan)))


@pytest.fixture(scope="module")
def emerging_flow():
    flow = glow((16, 16, 3), levels=2, depth=1, width=4, convolution="emerging")
    flow.reset_weights()
    return flow


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("deviation", "spoilt"), [(0.02, False), (0.1, False), (0.15, False), (0.2, True), (0.25, True)]
)
def test_images_come_back_from_an_emerging_flow_or_are_nan(emerging_flow, deviation, spoilt, seed):
    generator = np.random.default_rng(seed)
    for variable in emerging_flow.trainable_variables:
        if variable.path.endswith("taps"):
            variable.assign(deviation * generator.standard_normal(variable.shape))
    x = tf.constant(generator.uniform(0.02, 0.98, (4, 16, 16, 3)), tf.float32)
    back = emerging_flow.decode(emerging_flow.encode(x))
    if spoilt:
        assert np.all(np.isnan(back))
    else:
        np.testing.assert_allclose(back, x, rtol=0, atol=0.1 / 256)


def dense_circulant(layer, shape):
    """The matrix of y_ij = Σ_ab K_ab x_{i+a, j+b}, indices modulo H and W."""
    height, width, channels = shape
    border = layer.border
    size = 2 * border + 1
    kernel = layer.kernel.numpy().reshape(size, size, channels, channels)
    matrix = np.zeros((height, width, channels, height, width, channels))
    for i in range(height):
        for j in range(width):
            for a in range(size):
                for b in range(size):
                    matrix[i, j, :, (i + a - border) % height, (j + b - border) % width, :] += kernel[a, b]
    return matrix.reshape(height * width * channels, -1)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("size", [(4, 4), (5, 5), (4, 5), (5, 4), (2, 3)])
def test_the_periodic_convolution_is_a_block_circulant_matrix(size, kernel_size):
    shape = (*size, 3)
    layer = perturbed(bijectors.PeriodicConvolution(kernel_size, dtype="float64"), shape)
    matrix = dense_circulant(layer, shape)
    x = images(shape)
    flat = x.numpy().reshape(len(x), -1)
    np.testing.assert_allclose(layer.forward(x).numpy().reshape(len(x), -1), flat @ matrix.T, atol=1e-12)
    np.testing.assert_allclose(
        layer.inverse(x).numpy().reshape(len(x), -1), np.linalg.solve(matrix, flat.T).T, atol=1e-9
    )
    np.testing.assert_allclose(layer.forward_log_det_jacobian(x), np.linalg.slogdet(matrix)[1], atol=1e-10)
    values = np.linalg.svd(matrix, compute_uv=False)
    found = layer.singular_values()["kernel"]
    np.testing.assert_allclose([found.max(), found.min()], [values.max(), values.min()], rtol=1e-10)


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_the_gradient_of_a_periodic_determinant_is_its_slope(parts, monkeypatch):
    """However the frequencies are divided among cores; inverses are the same, too."""
    shape = (5, 4, 3)
    layer = perturbed(bijectors.PeriodicConvolution(dtype="float64"), shape)
    x = images(shape)
    inverse, start = layer.inverse(x), layer.kernel.numpy()
    monkeypatch.setattr(circulant, "num_slices", lambda rows: min(parts, rows))
    np.testing.assert_allclose(layer.inverse(x), inverse, atol=1e-12)
    with tf.GradientTape() as tape:
        log_det = layer.forward_log_det_jacobian(x)[0]
    gradient = tape.gradient(log_det, layer.kernel.value)
    direction = np.random.default_rng(2).standard_normal(start.shape)
    slope, step = 0.0, 1e-5
    for sign in (1, -1):
        layer.kernel.assign(start + sign * step * direction)
        slope += sign * np.linalg.slogdet(dense_circulant(layer, shape))[1] / (2 * step)
    np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6)


def test_a_periodic_determinant_and_inverse_in_float32_are_as_exact_as_float32():
    shape = (16, 16, 12)
    exact = perturbed(bijectors.PeriodicConvolution(dtype="float64"), shape)
    layer = perturbed(bijectors.PeriodicConvolution(), shape)
    layer.kernel.assign(exact.kernel.numpy())
    exact.kernel.assign(layer.kernel.numpy())
    x = images(shape, 3, "float32")
    np.testing.assert_allclose(layer.inverse(layer.forward(x)), x, atol=2e-4)
    np.testing.assert_allclose(layer.forward_log_det_jacobian(x), exact.forward_log_det_jacobian(x), rtol=2e-7)


def test_the_periodic_convolution_refuses_images_that_it_would_wrap_around_twice():
    with pytest.raises(ValueError, match="needs images of at least 2×2, got 1×4"):
        bijectors.PeriodicConvolution(5).build((None, 1, 4, 2))


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("channels", [2, 12, 30])
def test_rolls_each_channel_by_its_own_offset(kernel_size, channels):
    layer = bijectors.Roll(kernel_size)
    x = images((4, 5, channels), dtype="float32").numpy()
    border = kernel_size // 2
    window = [(a, b) for a in range(-border, border + 1) for b in range(-border, border + 1)]
    parts = np.array_split(np.arange(channels), len(window))
    y = layer.forward(tf.constant(x)).numpy()
    for (a, b), own in zip(window, parts, strict=True):
        for c in own:
            rows, columns = (np.arange(4) + a) % 4, (np.arange(5) + b) % 5
            np.testing.assert_array_equal(y[..., c], x[:, rows][:, :, columns][..., c])


def test_reverse_and_shuffle_permute_channels():
    x = images((2, 2, 12))
    np.testing.assert_array_equal(bijectors.Reverse(dtype="float64").forward(x), x[..., ::-1])
    shuffle = bijectors.Shuffle(dtype="float64")
    shuffle.build((None, 2, 2, 12))
    np.testing.assert_array_equal(shuffle.forward(x), x)  # until it is drawn
    shuffle.reset_weights()
    order = shuffle.order.numpy()
    assert sorted(order) == list(range(12)) and list(order) != list(range(12))
    np.testing.assert_array_equal(shuffle.forward(x), x.numpy()[..., order])


def test_every_step_shuffles_in_an_order_of_its_own():
    layer = bijectors.Repeated(bijectors.Shuffle(), 4)
    layer.build((None, 2, 2, 24))
    layer.reset_weights()
    orders = layer.variables[0].numpy()
    assert len({tuple(order) for order in orders}) == 4


COMPILED = {
    **{name: lambda name=name: bijectors.build_convolution(name, {}) for name in bijectors.CONVOLUTIONS},
    **{name: lambda name=name: bijectors.Conv1x1(name) for name in MATRICES if name != "plu"},
    "checkerboard": lambda: affine_coupling(8, CheckerboardMask(1)),
}


@pytest.mark.parametrize("make", COMPILED.values(), ids=COMPILED.keys())
def test_compiles_under_xla_both_ways(make):
    shape = (4, 4, 4)
    layer = perturbed(make(), shape)
    x = images(shape, dtype="float32")

    @tf.function(autograph=False, jit_compile=True)
    def there_and_back(x):
        y, log_det = layer.forward_and_log_det(x)
        return *layer.inverse_and_log_det(y), log_det

    back, inverse_log_det, log_det = there_and_back(x)
    np.testing.assert_allclose(back, x, atol=1e-4)
    np.testing.assert_allclose(log_det, -inverse_log_det, atol=1e-4)
    np.testing.assert_allclose(log_det, layer.forward_log_det_jacobian(x), rtol=1e-5, atol=1e-5)


def test_singular_values_are_those_of_the_matrices():
    layer = bijectors.Repeated(bijectors.ShiftConvolution("channel", "direct", dtype="float64"), 3, dtype="float64")
    perturbed(layer, (4, 4, 6))
    (found,) = layer.singular_values().values()
    weights = next(v for v in layer.variables if v.path.endswith("weight"))
    np.testing.assert_allclose(found, np.linalg.svd(weights.numpy(), compute_uv=False), rtol=1e-12)


def dropped_into(monkeypatch, folder):
    """The files of this folder stand beside the convolutions' own."""
    monkeypatch.setattr(convolutions.CONVOLUTIONS, "paths", (*convolutions.CONVOLUTIONS.paths, folder))
    monkeypatch.setattr(convolutions, "__path__", [*convolutions.__path__, str(folder)])


def test_a_new_file_is_a_new_convolution(tmp_path, monkeypatch):
    source = '''
from flowconv.bijectors.convolutions.conv1x1 import Conv1x1

class Twice(Conv1x1):
    """W x, with the fields that its constructor names."""

    def __init__(self, kernel_size=1, **kwargs):
        super().__init__("direct", **kwargs)
        self.kernel_size = kernel_size
'''
    (tmp_path / "twice.py").write_text(source)
    dropped_into(monkeypatch, tmp_path)
    layer = bijectors.build_convolution("twice", {"kernel_size": 7, "shift": "channel"}, name="here")
    assert (type(layer).__name__, layer.kernel_size, layer.name) == ("Twice", 7, "here")


def test_refuses_what_is_no_convolution(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"convolution must be one of conv1x1, emerging, .*, got 'conv2x2'"):
        bijectors.build_convolution("conv2x2", {})
    (tmp_path / "nothing.py").write_text("")
    dropped_into(monkeypatch, tmp_path)
    with pytest.raises(ValueError, match="must hold one public Bijector, and holds 0"):
        bijectors.build_convolution("nothing", {})
