"""Every transform in the folder: one proof, which a file that is put there gets at once, and controls that fail it."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import TRANSFORMS, Affine, BoundedAffine, Mixture, Spline
from flowconv.bijectors.elementwise import mixture

SHAPE = (2, 3, 2, 3)
every_transform = pytest.mark.parametrize("name", TRANSFORMS)


def drawn(transform, dtype="float64", spread=2.0, scale=0.5, shape=SHAPE, seed=0):
    """Numbers from N(0, spread²), and parameters from N(0, scale²)."""
    generator = np.random.default_rng(seed)
    x = spread * generator.standard_normal(shape)
    parameters = scale * generator.standard_normal((*shape[:-1], transform.parameters_per_dim * shape[-1]))
    return tf.constant(x, dtype), tf.constant(parameters, dtype)


def made(name):
    return TRANSFORMS.make(name, {})


def error(found, expected):
    """The largest one, relative to numbers above 1."""
    return float(np.max(np.abs(found - expected) / np.maximum(1.0, np.abs(expected))))


def check_round_trip(transform, x, parameters, tolerance):
    y, log_det = transform.forward_and_log_det(x, parameters)
    back, back_log_det = transform.inverse_and_log_det(y, parameters)
    assert y.shape == back.shape == x.shape and y.dtype == back.dtype == x.dtype
    assert log_det.shape == back_log_det.shape == x.shape[:1]
    assert error(back, x) < tolerance and error(-back_log_det, log_det) < tolerance


def check_other_round_trip(transform, y, parameters, tolerance):
    x, _ = transform.inverse_and_log_det(y, parameters)
    assert error(transform.forward_and_log_det(x, parameters)[0], y) < tolerance


def check_log_det(transform, x, parameters):
    """Against the derivatives of single numbers, which make up the whole Jacobian."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, log_det = transform.forward_and_log_det(x, parameters)
    true = np.sum(np.log(tape.gradient(y, x).numpy()), axis=(1, 2, 3))
    assert error(log_det, true) < 1e-9


def check_density(transform, seed=0):
    """That of numbers whose images are normal is 1 in all, by a grid over ±8."""
    _, parameters = drawn(transform, shape=(1, 1, 1, 1), seed=seed)
    ends = tf.constant([-8.0, 8.0], tf.float64)[:, None, None, None]
    low, high = transform.inverse_and_log_det(ends, tf.repeat(parameters, 2, axis=0))[0].numpy().ravel()
    x = np.linspace(low, high, 20_001)
    many = tf.repeat(parameters, len(x), axis=0)
    y, log_det = transform.forward_and_log_det(tf.constant(x[:, None, None, None]), many)
    density = np.exp(log_det - np.ravel(y) ** 2 / 2.0) / np.sqrt(2.0 * np.pi)
    assert abs(np.trapezoid(density, x) - 1.0) < 1e-3


def check_places(transform):
    """A number depends on its own parameters alone: every C-th channel at its place."""
    x, parameters = drawn(transform)
    batch, height, width, channels = SHAPE
    y, _ = transform.forward_and_log_det(x, parameters)
    own = np.zeros((batch, height, width, transform.parameters_per_dim, channels))
    own[0, 1, 1, :, 2] = 0.3
    changed, _ = transform.forward_and_log_det(x, parameters + own.reshape(parameters.shape) * (1.0 + x[0, 0, 0, 0]))
    is_changed = (changed != y).numpy()
    assert is_changed[0, 1, 1, 2] and np.sum(is_changed) == 1


def check_derivatives(transform, how=lambda function: function):
    """f(f⁻¹(y)) is y: its derivatives are 1 by y, 0 by the parameters, and those of these are 0. So of the log-dets."""
    y, parameters = drawn(transform, scale=0.3)
    weights, more = (tf.constant(np.random.default_rng(seed).standard_normal(SHAPE)) for seed in (1, 2))

    zeros = {"unconnected_gradients": "zero"}

    @how
    def compute(*sources):
        y, parameters = sources
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(sources)
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(sources)
                x, inverse_log_det = transform.inverse_and_log_det(y, parameters)
                again, log_det = transform.forward_and_log_det(x, parameters)
                of_y = tf.reduce_sum(weights * again)
                of_log_det = tf.reduce_sum((inverse_log_det + log_det) * weights[:, 0, 0, 0])
                probe = tf.reduce_sum(tf.sin(x) * weights)
            first = tape.gradient(of_y, sources, **zeros), tape.gradient(of_log_det, sources, **zeros)
            loss = tf.reduce_sum(first[0][0] * more)
            of_x = tf.reduce_sum(tape.gradient(probe, y, **zeros) * more)
        return first, outer.gradient(loss, sources, **zeros), outer.gradient(of_x, y, **zeros)

    (by_y, of_log_det), second, of_x = compute(y, parameters)
    np.testing.assert_allclose(by_y[0], weights, rtol=1e-7, atol=1e-9)
    for value in (by_y[1], *of_log_det, *second):
        np.testing.assert_allclose(value, tf.zeros_like(value), atol=1e-7)
    assert np.max(np.abs(of_x)) > 1e-3  # the second derivatives of f⁻¹ itself are none


@every_transform
@pytest.mark.parametrize("spread", [2.0, 60.0], ids=["near", "far"])
def test_round_trip(name, spread):
    x, parameters = drawn(made(name), spread=spread)
    check_round_trip(made(name), x, parameters, 1e-9)
    check_other_round_trip(made(name), x, parameters, 1e-9)


@every_transform
@pytest.mark.parametrize("spread", [2.0, 60.0], ids=["near", "far"])
def test_round_trip_in_float32(name, spread):
    transform = made(name)
    x, parameters = drawn(transform, "float32", spread)
    check_other_round_trip(transform, x, parameters, 1e-5)
    if not transform.unsafe_inverse:
        check_round_trip(transform, x, parameters, 1e-4)


@every_transform
@pytest.mark.parametrize("spread", [2.0, 60.0], ids=["near", "far"])
def test_log_det_is_that_of_the_derivatives(name, spread):
    check_log_det(made(name), *drawn(made(name), spread=spread))


@every_transform
def test_densities_are_1_in_all(name):
    check_density(made(name))


@every_transform
def test_a_number_depends_on_its_own_parameters(name):
    check_places(made(name))


@every_transform
def test_derivatives_of_the_inverse_are_exact(name):
    check_derivatives(made(name))


@pytest.mark.parametrize("name", ["mixture", "spline"])
def test_derivatives_of_the_inverse_are_exact_in_graphs(name):
    check_derivatives(made(name), tf.function(autograph=False))


@every_transform
def test_xla_computes_the_same(name):
    transform = made(name)
    x, parameters = drawn(transform)

    def compute(x, parameters):
        results = []
        for function in (transform.forward_and_log_det, transform.inverse_and_log_det):
            with tf.GradientTape() as tape:
                tape.watch([x, parameters])
                y, log_det = function(x, parameters)
                probe = tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(log_det)
            results += [y, log_det, *tape.gradient(probe, [x, parameters])]
        return results

    compiled = tf.function(compute, autograph=False, jit_compile=True)
    for found, expected in zip(compiled(x, parameters), compute(x, parameters), strict=True):
        assert error(found, expected.numpy()) < 1e-9


@every_transform
@pytest.mark.parametrize("value", [-1e4, -30.0, 0.0, 30.0, 1e4])
def test_any_parameters_give_finite_numbers_and_gradients(name, value):
    transform = made(name)
    x, parameters = drawn(transform, "float32", scale=0.0)
    parameters += value * np.random.default_rng(1).choice([-1.0, 0.0, 1.0], parameters.shape)
    with tf.GradientTape() as tape:
        tape.watch([x, parameters])
        results = transform.forward_and_log_det(x, parameters)
    for result in (*results, *tape.gradient(results, [x, parameters])):
        assert np.all(np.isfinite(result))


NEW = {
    "additive": 1e-12,
    "bounded_affine": 1e-12,
    "gaussian": 1e-12,
    "spline": 1e-12,
    "mixture": 0.1,
}  # how far from the identity


@pytest.mark.parametrize("name", NEW)
def test_is_the_identity_without_parameters(name):
    x, parameters = drawn(made(name), spread=0.5, scale=0.0)
    y, _ = made(name).forward_and_log_det(x, parameters)
    np.testing.assert_allclose(y, x, atol=NEW[name])


# The bounded affine transform.


@pytest.mark.parametrize("bound", [1.0, 2.0, 3.5])
def test_a_bounded_affine_transform_is_what_its_formula_says(bound):
    x, parameters = drawn(BoundedAffine(bound), scale=3.0)
    bias, logits = np.split(parameters.numpy(), 2, axis=-1)
    scale = bound / (1.0 + np.exp(-logits))
    y, log_det = BoundedAffine(bound).forward_and_log_det(x, parameters)
    np.testing.assert_allclose(y, (x + bias) * scale, rtol=1e-12)
    np.testing.assert_allclose(log_det, np.sum(np.log(scale), axis=(1, 2, 3)), rtol=1e-12)
    far, _ = BoundedAffine(bound).forward_and_log_det(tf.ones_like(x), tf.concat([bias * 0, 0 * logits + 40], -1))
    np.testing.assert_allclose(far, bound, rtol=1e-12)


@pytest.mark.parametrize("bound", [0.0, -1.0, float("inf"), float("nan"), "wide"])
def test_a_bound_of_a_scale_is_a_number_above_0(bound):
    with pytest.raises(ValueError, match="scale_bound must be a number above 0, got "):
        BoundedAffine(bound)


# The mixture of logistics.


def mixture_of(x, parameters, k):
    """The definition, in numpy: for parameters by which F(x) is not too near 0 and 1."""
    blocks = parameters.reshape(*x.shape[:-1], 2 + 3 * k, x.shape[-1])
    scale, shift = np.exp(np.tanh(blocks[..., 0, :])), blocks[..., 1, :]
    logits, mean, log_scale = (blocks[..., 2 + i * k : 2 + (i + 1) * k, :] for i in range(3))
    weights = np.exp(logits) / np.sum(np.exp(logits), axis=-2, keepdims=True)
    u = (np.arange(k) + 0.5) / k
    mean = mean + (2.0 * np.arctanh(np.tan(np.pi / 2.0 * (u - 0.5))))[:, None]
    width = np.exp(np.maximum(log_scale + np.log(0.5), -7.0))
    cdf = np.sum(weights / (1.0 + np.exp(-(x[..., None, :] - mean) / width)), axis=-2)
    return scale * np.log(cdf / (1.0 - cdf)) + shift


@pytest.mark.parametrize("k", [2, 5])
def test_a_mixture_is_what_its_formula_says(k):
    x, parameters = drawn(Mixture(k), spread=0.7)
    y, _ = Mixture(k).forward_and_log_det(x, parameters)
    np.testing.assert_allclose(y, mixture_of(x.numpy(), parameters.numpy(), k), rtol=1e-9, atol=1e-9)


def mixtures(k, dtype):
    """Of widely different scales, at numbers within ±40: Flow++'s test, so to say, of 10,000 numbers."""
    generator = np.random.default_rng(k)
    blocks = generator.standard_normal((10, 100, 2 + 3 * k, 10))
    blocks[:, :, 2 + 2 * k :] -= 1.0
    parameters = blocks.reshape(10, 100, 1, -1)
    return tf.constant(generator.uniform(-40.0, 40.0, (10, 100, 1, 10)), dtype), tf.constant(parameters, dtype)


@pytest.mark.parametrize("k", [1, 4, 32])
def test_a_mixture_is_exact_in_the_tails_of_float32(k):
    transform = Mixture(k)
    x, parameters = mixtures(k, "float32")
    single = transform.forward_and_log_det(x, parameters)
    exact = transform.forward_and_log_det(tf.cast(x, tf.float64), tf.cast(parameters, tf.float64))
    assert all(np.all(np.isfinite(result)) for result in single)
    assert error(single[0], exact[0].numpy()) < 1e-5
    assert np.max(np.abs(single[1] - exact[1].numpy())) / 1000 < 1e-4  # of as many numbers


def units(y, count):
    """So many units in the last place of y."""
    return count * np.spacing(np.abs(y))


@pytest.mark.parametrize("k", [1, 2, 4, 32])
def test_a_mixture_s_values_come_back_to_two_units_in_the_last_place(k, monkeypatch):
    """Those within ±64 to 10⁻⁵: at 587 neighbours in float32 are 6·10⁻⁵ apart."""
    transform = Mixture(k)
    x, parameters = mixtures(k, "float32")
    y = transform.forward_and_log_det(x, parameters)[0].numpy()
    limit = np.maximum(1e-5, units(y, 2))
    assert np.all(limit[np.abs(y) < 64.0] == np.float32(1e-5)) and np.max(np.abs(y)) > 100.0

    def missed():
        back, _ = transform.inverse_and_log_det(tf.constant(y), parameters)
        return np.abs(transform.forward_and_log_det(back, parameters)[0] - y)

    assert np.all(missed() <= limit)
    monkeypatch.setattr(mixture, "refine", lambda function, log_slope, y, x: x)
    assert np.any(missed() > limit)  # the control: of bisection alone


@pytest.mark.parametrize("k", [1, 4, 32])
def test_whatever_value_comes_back_as_near_as_a_number_allows(k):
    """Not all y are f(x) of a float32 x: those between two are missed by less than the step from one to the next."""
    transform = Mixture(k)
    x, parameters = mixtures(k, "float32")
    y = np.random.default_rng(1).uniform(-40.0, 40.0, x.shape).astype(np.float32)
    back, _ = transform.inverse_and_log_det(tf.constant(y), parameters)
    with tf.GradientTape() as tape:
        tape.watch(back)
        again, _ = transform.forward_and_log_det(back, parameters)
    slope = tape.gradient(again, back).numpy()
    assert np.all(np.abs(again - y) <= np.maximum(np.maximum(1e-5, units(y, 2)), slope * units(back.numpy(), 1)))


@pytest.mark.parametrize("k", [4, 32])
def test_the_log_det_of_a_number_is_exact_in_the_tails_of_float32(k):
    x, parameters = (tf.reshape(tensor, (1000, 1, 1, -1)) for tensor in mixtures(k, "float32"))
    x, parameters = x[..., :1], tf.reshape(parameters, (1000, -1, 10))[:, None, :, 0]
    parameters = parameters[:, :, None, :]
    _, single = Mixture(k).forward_and_log_det(x, parameters)
    _, exact = Mixture(k).forward_and_log_det(tf.cast(x, tf.float64), tf.cast(parameters, tf.float64))
    np.testing.assert_allclose(single, exact, rtol=0, atol=1e-4)


def test_a_mixture_of_many_is_the_identity_at_first():
    x = tf.constant(np.linspace(-3.0, 3.0, 13)[None, None, :, None])
    for k, tolerance in ((1, 1e-12), (16, 0.15), (256, 0.01)):
        y, _ = Mixture(k).forward_and_log_det(x, tf.zeros((1, 1, 13, 2 + 3 * k), tf.float64))
        np.testing.assert_allclose(y, x, atol=tolerance)


def test_new_components_learn_to_differ():
    """All parameters are equal at first, as a network gives them whose last layer is zero; gradients are not."""
    k = 4
    x, parameters = drawn(Mixture(k), scale=0.0, shape=(8, 1, 1, 1))
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        y, log_det = Mixture(k).forward_and_log_det(x, parameters)
        loss = tf.reduce_sum(y**2) / 2.0 - tf.reduce_sum(log_det)
    of_parameter = np.sum(tape.gradient(loss, parameters), axis=(0, 1, 2))[2:].reshape(3, k)
    for gradients in of_parameter:
        assert np.min(np.abs(np.diff(np.sort(gradients)))) > 1e-4


def test_a_mixture_of_one_is_a_line():
    x, parameters = drawn(Mixture(1), spread=100.0)
    h, t, _, mean, log_scale = np.split(parameters.numpy(), 5, axis=-1)
    y, _ = Mixture(1).forward_and_log_det(x, parameters)
    np.testing.assert_allclose(y, np.exp(np.tanh(h)) * (x - mean) * np.exp(-log_scale) + t, rtol=1e-9)


# The spline.


def spline_of(x, parameters, bins, bound):
    """The definition, of one number after the other."""
    blocks = parameters.reshape(*x.shape[:-1], 3 * bins - 1, x.shape[-1])
    y = x.copy()
    for place in np.ndindex(x.shape):
        widths, heights, slopes = np.split(blocks[(*place[:-1], slice(None), place[-1])], [bins, 2 * bins])
        if abs(x[place]) >= bound:
            continue
        (lefts, bottoms) = (
            np.cumsum([-bound, *2 * bound * (1e-3 + (1 - bins * 1e-3) * np.exp(raw) / np.sum(np.exp(raw)))])
            for raw in (widths, heights)
        )
        slopes = [1.0, *1e-3 + np.log1p(np.exp(slopes + np.log(np.exp(1 - 1e-3) - 1))), 1.0]
        k = np.searchsorted(lefts, x[place], side="right") - 1
        w, h = lefts[k + 1] - lefts[k], bottoms[k + 1] - bottoms[k]
        s, xi = h / w, (x[place] - lefts[k]) / w
        bend = slopes[k + 1] + slopes[k] - 2 * s
        y[place] = bottoms[k] + h * (s * xi**2 + slopes[k] * xi * (1 - xi)) / (s + bend * xi * (1 - xi))
    return y


@pytest.mark.parametrize(("bins", "bound"), [(2, 1.0), (8, 3.0)])
def test_a_spline_is_what_its_formula_says(bins, bound):
    x, parameters = drawn(Spline(bins, bound), scale=1.0)
    y, _ = Spline(bins, bound).forward_and_log_det(x, parameters)
    np.testing.assert_allclose(y, spline_of(x.numpy(), parameters.numpy(), bins, bound), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_spline_is_the_identity_outside_of_its_interval(dtype):
    x, parameters = drawn(Spline(), dtype, spread=1e4)
    x += 3.0 * tf.sign(x)
    for function in (Spline().forward_and_log_det, Spline().inverse_and_log_det):
        y, log_det = function(x, parameters)
        np.testing.assert_array_equal(y, x)
        np.testing.assert_array_equal(log_det, 0.0)


@pytest.mark.parametrize("spread", [1.0, 3.0, 1e4])
def test_a_spline_s_round_trip_is_exact_in_float32(spread):
    x, parameters = drawn(Spline(), "float32", spread, shape=(10, 10, 10, 3))
    check_round_trip(Spline(), x, parameters, 1e-5)


def test_a_spline_has_no_gap_at_knots_and_ends():
    spline = Spline(bins=4, bound=2.0)
    _, parameters = drawn(spline, shape=(1, 1, 1, 1), scale=1.0)
    raw = parameters.numpy().ravel()[:4]
    widths = 4.0 * (1e-3 + (1 - 4e-3) * np.exp(raw) / np.sum(np.exp(raw)))
    knots = np.array([-2.0, *np.cumsum(widths) - 2.0])
    sides = np.concatenate([knots - 1e-9, knots + 1e-9])
    y, log_det = spline.forward_and_log_det(
        tf.constant(sides[:, None, None, None]), tf.repeat(parameters, len(sides), axis=0)
    )
    below, above = np.split(np.ravel(y), 2)
    np.testing.assert_allclose(above, below, atol=1e-7)
    below, above = np.split(log_det.numpy(), 2)
    np.testing.assert_allclose(above, below, atol=1e-6)


REFUSED = {
    "no components": (lambda: Mixture(0), "components must be a whole number of at least 1, got 0"),
    "a part of one": (lambda: Mixture(1.5), "components must be a whole number of at least 1, got 1.5"),
    "one bin": (lambda: Spline(1), "bins must be a whole number from 2 to 100, got 1"),
    "bins that are all least": (lambda: Spline(1000), "bins must be a whole number from 2 to 100, got 1000"),
    "no interval": (lambda: Spline(bound=0.0), "bound must be above 0, got 0.0"),
    "an endless one": (lambda: Spline(bound=float("inf")), "bound must be above 0, got inf"),
}


@pytest.mark.parametrize(("make", "line"), REFUSED.values(), ids=REFUSED)
def test_refuses(make, line):
    with pytest.raises(ValueError, match=line):
        make()


# Controls: what a wrong transform fails.


class WrongSign(Affine):
    def forward_and_log_det(self, x, parameters):
        y, log_det = super().forward_and_log_det(x, parameters)
        return y, -log_det


class WrongInverse(Mixture):
    """Is somewhat off."""

    def inverse_and_log_det(self, y, parameters):
        x, log_det = super().inverse_and_log_det(y, parameters)
        return x + 1e-4 * tf.sin(x), log_det


class Neighbour(Affine):
    """Takes the parameters of the next number."""

    def forward_and_log_det(self, x, parameters):
        return super().forward_and_log_det(x, tf.roll(parameters, 1, axis=-1))


class Detached(Mixture):
    """Has an inverse without the derivatives of what it is computed by."""

    def inverse_and_log_det(self, y, parameters):
        x, _ = super().inverse_and_log_det(y, parameters)
        x = tf.stop_gradient(x)
        return x, -self.forward_and_log_det(x, parameters)[1]


class OnlyFirst(Mixture):
    """Has first derivatives of its inverse alone, by a step of Newton's whose slope is a constant."""

    def inverse_and_log_det(self, y, parameters):
        x, _ = super().inverse_and_log_det(y, parameters)
        x = tf.stop_gradient(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            again, _ = self.forward_and_log_det(x, parameters)
        x = x - (again - y) / tf.stop_gradient(tape.gradient(again, x))
        return x, -self.forward_and_log_det(x, parameters)[1]


CONTROLS = {
    "log_det": lambda: check_log_det(WrongSign(), *drawn(Affine())),
    "log_dets": lambda: check_round_trip(WrongSign(), *drawn(Affine()), 1e-9),
    "density": lambda: check_density(WrongSign()),
    "inverse": lambda: check_round_trip(WrongInverse(), *drawn(Mixture()), 1e-9),
    "other inverse": lambda: check_other_round_trip(WrongInverse(), *drawn(Mixture()), 1e-9),
    "places": lambda: check_places(Neighbour()),
    "first derivatives": lambda: check_derivatives(Detached()),
    "second derivatives": lambda: check_derivatives(OnlyFirst()),
}


@pytest.mark.parametrize("check", CONTROLS.values(), ids=CONTROLS)
def test_a_wrong_transform_fails(check):
    with pytest.raises(AssertionError):
        check()


def test_a_spline_comes_back_where_a_flat_bin_ends_steeply():
    """There the quadratic's b is below 0, and the root that is right elsewhere is a difference of equal numbers."""
    x = -tf.reshape(tf.constant([1e-2, 1e-3, 1e-4, 1e-5]), [4, 1, 1, 1])
    parameters = tf.tile(tf.reshape(tf.constant([0.0, 0.0, -3.45, 3.45, 20.0]), [1, 1, 1, 5]), [4, 1, 1, 1])
    spline = Spline(bins=2)
    y, log_det = spline.forward_and_log_det(x, parameters)
    back, inverse_log_det = spline.inverse_and_log_det(y, parameters)
    np.testing.assert_allclose(back, x, atol=2e-5)
    np.testing.assert_allclose(-inverse_log_det, log_det, atol=1e-2)
