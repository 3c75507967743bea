"""What tells that a flow is about to stop being invertible."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import Inputs, Split
from flowconv.config import default_config
from flowconv.evaluation import diagnosis, health, ill_conditioned, matrix_health, max_condition_number
from flowconv.evaluation.layer_outputs import layer_outputs, level_outputs, repeated_layers
from flowconv.models import build_flow, build_model
from tests.layers import labelled_flow
from tests.runs import in_full

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)


def flow_of(**fields):
    config = default_config()
    small = {"model.levels": 2, "model.depth": 4, "model.width": 4, "data.image_size": 8}
    config.update_from_flattened_dict(small | {name.replace("__", "."): value for name, value in fields.items()})
    flow = build_flow(config)
    flow.initialize(tf.constant(IMAGES))
    return flow


def variable(flow, ending, level=0):
    return next(v for v in repeated_layers(flow)[level].variables if v.path.endswith(ending))


def put(variable, step, value):
    values = variable.numpy()
    values[step] = value
    variable.assign(values)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"model__name": "realnvp"},
        pytest.param({"model__name": "nice"}, marks=in_full),
        {"model__prior": "learned"},
        pytest.param({"model__convolution": "emerging"}, marks=in_full),
        pytest.param({"model__convolution": "rolled_shift"}, marks=in_full),
    ],
    ids=str,
)
def test_outputs_of_layers_are_those_of_the_whole(fields):
    """Layer by layer, outputs and log-determinants are those of the whole."""
    flow = flow_of(**fields)
    x = flow.dequantize_midpoint(tf.constant(IMAGES))
    latents, log_det = flow.encode_and_log_det(x)
    outputs = list(layer_outputs(flow, x))
    np.testing.assert_allclose(outputs[-1].y, latents[-1], atol=1e-4)
    np.testing.assert_allclose(sum(output.log_det for output in outputs), log_det, rtol=1e-4)
    assert len({output.path for output in outputs}) == len(outputs)
    split = [output.y for output in outputs if isinstance(output.layer, Split)]
    for (_, latent), expected in zip(split, latents[:-1], strict=True):
        np.testing.assert_allclose(latent, expected, atol=1e-4)


def test_paths_name_levels_steps_and_layers():
    flow = flow_of()
    paths = [output.path for output in layer_outputs(flow, flow.dequantize_midpoint(tf.constant(IMAGES)))]
    assert {"level_1/steps 0/coupling", "split_1", "level_2/steps 3/actnorm"} <= set(paths)


def test_levels_follow_each_other():
    flow = flow_of()
    x = flow.dequantize_midpoint(tf.constant(IMAGES))
    (first, of_first, y), (second, of_second, z) = level_outputs(flow, x)
    assert (first.name, second.name) == ("level_1", "level_2")
    latents = flow.encode(x)
    np.testing.assert_allclose(of_second, y[..., :6], atol=1e-5)
    np.testing.assert_allclose(y[..., 6:], latents[0], atol=1e-4)
    np.testing.assert_allclose(z, latents[1], atol=1e-4)
    np.testing.assert_allclose(first.forward(of_first), y, atol=1e-5)


def test_reports_what_was_put_in():
    flow = flow_of()
    signs = _signs(flow)
    assert signs["min_alpha"] == pytest.approx(1.0) and 0.05 < signs["min_coupling_scale"] < 1.0
    assert signs["max_reconstruction_error"] < 0.01 and signs["walk_back_drift"] < 1e-4
    put(variable(flow, "log_alpha"), 2, -3.0)
    signs = _signs(flow)
    assert signs["min_alpha"] == pytest.approx(float(tf.exp(8 * tf.tanh(-3.0 / 8))), rel=1e-4)


def test_a_condition_reaches_every_layer_that_is_looked_at():
    flow = labelled_flow()
    examples = {"image": IMAGES, "label": np.array([0, 3, 1, 0], np.int32)}
    x, inputs = flow.dequantize_midpoint(IMAGES), Inputs(flow.condition_of(examples))
    latents, log_det = flow.encode_and_log_det(x, inputs)
    outputs = list(layer_outputs(flow, x, inputs))
    np.testing.assert_allclose(outputs[-1].y, latents[-1], atol=1e-4)
    np.testing.assert_allclose(sum(output.log_det for output in outputs), log_det, rtol=1e-4)
    signs = health(flow, examples)
    assert signs["health/max_reconstruction_error"] < 0.01 and signs["health/walk_back_drift"] < 1e-4
    log_scale = flow.bijector.layers[1].levels[1].layers[2].log_scale
    log_scale.assign(np.where(np.arange(4)[:, None] == 3, 200.0, log_scale.numpy()))
    assert "is the first layer whose output is not finite" in diagnosis(flow, examples)
    assert "weights and outputs are finite" in diagnosis(flow, {name: a[2:] for name, a in examples.items()})


def test_conditions_of_orthogonal_matrices_stay_1():
    flow = flow_of(model__parameterization="orthogonal")
    for v in flow.trainable_variables:
        v.assign_add(tf.random.stateless_normal(v.shape, [0, 0], stddev=0.3))
    signs = _signs(flow)
    assert signs["max_condition_number"] == pytest.approx(1.0, abs=1e-4)
    assert signs["min_singular_value"] == pytest.approx(1.0, abs=1e-4)
    each = matrix_health(flow)
    assert len(each) == 2 * 2 * 4 and "condition_number/level_2, step 03" in each
    assert all(value == pytest.approx(1.0, abs=1e-4) for value in each.values())


def test_a_matrix_that_is_nearly_singular_is_named():
    flow = flow_of(model__parameterization="direct")
    assert not ill_conditioned(flow, 100.0)
    weight = variable(flow, "weight", level=1)
    u, s, v = np.linalg.svd(weight.numpy()[3])
    s[-1] = 1e-3
    put(weight, 3, u @ np.diag(s) @ v)
    (line,) = ill_conditioned(flow, 100.0)
    assert "level_2" in line and "step 3, has condition number 1e+03" in line
    assert health(flow, {"image": IMAGES})["health/max_condition_number"] == pytest.approx(1e3, rel=0.05)
    assert line in diagnosis(flow, {"image": IMAGES})


def test_weights_that_are_not_finite_are_named():
    flow = flow_of()
    put(variable(flow, "hidden.kernel", level=1), 2, np.inf)
    line = diagnosis(flow, {"image": IMAGES})
    assert "hidden.kernel, step 2 are not finite" in line and "level_2" in line
    assert ill_conditioned(flow, 1.0)  # which doesn't fail


def test_outputs_that_are_not_finite_are_named():
    flow = flow_of()
    put(variable(flow, "hidden.log_scale", level=1), 1, 300.0)
    line = diagnosis(flow, {"image": IMAGES})
    assert "is the first layer whose output is not finite" in line and "level_2" in line, line


def of_noise():
    """A flow whose own matrices are the identity, with another one for the noise of dequantization."""
    sizes = {"dequantizer_depth": 2, "dequantizer_width": 4, "context_width": 4, "levels": 1, "depth": 1, "width": 4}
    flow = build_model("glow", (8, 8, 3), dequantization="variational", parameterization="orthogonal", **sizes)
    flow.reset_weights()
    flow.initialize(tf.constant(IMAGES))
    weights = (v for v in flow.dequantization.variables if v.path.endswith("pointwise.first.weight.weight"))
    return flow, next(weights)


def test_the_matrices_of_a_dequantization_are_watched():
    flow, weight = of_noise()
    assert max_condition_number(flow) < 1.1 and health(flow, {"image": IMAGES})["health/walk_back_drift"] < 1e-4
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
    put(weight, 1, rotation @ np.diag([1.0, 1e-3, 1e-6]) @ rotation.T)
    assert max_condition_number(flow) > 1e5
    (line,) = ill_conditioned(flow, 1e4)
    assert line.startswith("W of dequantization/pointwise/first/weight, step 1, has condition number ")
    found = health(flow, {"image": IMAGES})
    assert found["health/max_condition_number"] > 1e5
    assert found["condition_number/dequantization/pointwise/first/weight, step 01"] > 1e5
    assert found["health/walk_back_drift"] > 1e-3
    put(weight, 1, 0.0)
    assert diagnosis(flow, {"image": IMAGES}).startswith("dequantization is the first layer whose output or density ")


def _signs(flow):
    return {name.removeprefix("health/"): value for name, value in health(flow, {"image": IMAGES}).items()}
