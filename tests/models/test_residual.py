"""Residual flows: the published number of weights, densities that are estimates and say so, samples, and refusals."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf

import flowconv
from experiments.comparison import tables
from flowconv.bijectors import NONE, Residual
from flowconv.config import backward_of, changed, default_config, validate
from flowconv.errors import UserError
from flowconv.evaluation import Evaluator, Measurement, compute_metrics
from flowconv.evaluation.layer_outputs import repeated_layers
from flowconv.models import build_flow, build_model
from flowconv.preflight.estimates import count_parameters
from flowconv.testing import check_log_det, check_round_trip, perturb
from flowconv.training.step import build_step
from flowconv.training.summary import metric_rows
from flowconv.workdir import Workdir
from tests.batches import batch_of
from tests.experiments.comparison.test_tables import RESULT, SPEEDS
from tests.models.test_flow import AsBijector
from tests.programs import run_here
from tests.runs import TINY, in_full, overrides, parametrized
from tests.same_runs import check_resumed, check_two_ranks
from tests.test_configs import CONFIGS, load

SMALL = {"network": "lipschitz_convolution", "levels": 1, "depth": 2, "width": 8, "dense_blocks": 1, "dense_width": 4}
EXAMPLES = {"image": np.random.default_rng(0).integers(0, 256, (7, 4, 4, 3), np.uint8)}


def small(precision="float64", **settings):
    flow = build_model("residual", (4, 4, 3), **SMALL | {"precision": precision} | settings)
    flow.reset_weights()
    perturb(flow, 0.05)
    return flow


def test_has_the_published_number_of_weights():
    """Those of convolutions and matrices; beside them stand biases, slopes of activations, and actnorms."""
    config = load(next(path for path in CONFIGS if path.stem == "residual_cifar10"))
    blocks = [16 * (9 * channels * 512 * 2 + 512**2) for channels in (3, 12, 48)]
    weights = sum(blocks) + 4 * (3072 * 128 * 2 + 128**2)
    assert round(weights / 1e6, 1) == 25.1
    biases = 16 * (3 * 2 * 512 + 3 + 12 + 48) + 4 * (2 * 128 + 3072)
    actnorms = 2 * (16 * (3 + 12 + 48) + 4 * 3072)
    slopes = 3 * (3 * 16 + 4) - 1  # no activation before the very first convolution
    assert count_parameters(config) == weights + biases + actnorms + slopes


BUILT = {
    "convolutions": {},
    "levels": {"levels": 2, "depth": 1},
    "attention": {"network": "l2_attention", "heads": 2, "patch_size": 2, "dense_blocks": 0},
}


@pytest.mark.parametrize("settings", parametrized(BUILT, ["convolutions", "attention"]))
def test_round_trip_and_log_det(settings):
    flow = small(**settings)
    x = tf.constant(np.random.default_rng(0).uniform(0.02, 0.98, (1, 4, 4, 3)))
    check_round_trip(AsBijector(flow), x, NONE, 1e-8)
    check_log_det(AsBijector(flow), x, NONE, 1e-8)
    assert not flow.estimates_log_det


def test_settings_reach_the_layers():
    flow = small(contraction=0.5, exact_dims=3, training_terms=4, evaluation_terms=5, continuation=0.25)
    found = [layer for layer in flow._flatten_layers() if isinstance(layer, Residual)]
    found += [loop.step().layers[0] for loop in repeated_layers(flow)]
    assert len(found) == 3
    for layer in found:
        own = (layer.exact_dims, layer.training_terms, layer.evaluation_terms, layer.continuation)
        assert (*own, layer.network.contraction) == (3, 4, 5, 0.25, 0.5)
    assert [layer.network.preactivation for layer in found] == [False, True, True]
    assert flow.estimates_log_det


def test_float32_gives_images_back():
    flow = small("float32", exact_dims=0, contraction=0.98)
    x = flow.dequantize_midpoint(EXAMPLES["image"])
    assert np.max(np.abs(flow.decode(flow.encode(x)) - x)) * 256.0 < 0.05


def test_log_prob_is_an_estimate_of_its_seed():
    flow, exact = small(exact_dims=0, evaluation_terms=4), small()
    x = flow.dequantize_midpoint(EXAMPLES["image"][:1])
    draws = tf.function(flow.log_prob, autograph=False)(tf.repeat(x, 200, 0)).numpy()  # of an image's number, too
    error = np.std(draws) / np.sqrt(len(draws))
    assert abs(np.mean(draws) - float(exact.log_prob(x)[0])) <= 2.0 * error and error > 0.0
    np.testing.assert_array_equal(flow.log_prob(x), flow.log_prob(x, seed=0))


@pytest.mark.parametrize("batch_size", [3, pytest.param(7, marks=in_full)])
def test_an_evaluation_is_the_mean_over_draws_with_its_standard_error(batch_size):
    """Whatever the batch size: draws belong to seed, number and stream."""
    flow, draws = small(exact_dims=0, evaluation_terms=2), 3
    bits = np.stack([flow.bits_per_dim(EXAMPLES["image"], 5, 0, 2 * draw).numpy() for draw in range(draws)])
    measured = Measurement(Evaluator(flow, batch_size=batch_size, seed=5), EXAMPLES, "test", draws)
    figures = compute_metrics("test", measured, "raw")
    np.testing.assert_allclose(figures["test_bits_per_dim"], bits.mean(), rtol=1e-6)
    expected = np.sqrt(bits.var(axis=0, ddof=1).sum() / draws) / bits.shape[1]
    np.testing.assert_allclose(figures["test_bits_per_dim_standard_error"], expected, rtol=1e-5)
    np.testing.assert_allclose(measured.bits_per_dim_deviation, bits.mean(axis=0).std(), rtol=1e-5)
    assert "test_bits_per_dim_importance_weighted" not in figures


def test_one_draw_asked_for_is_two_and_an_exact_flow_has_no_standard_error():
    assert Measurement(Evaluator(small(exact_dims=0), batch_size=7, seed=0), EXAMPLES, "test").draws == 2
    exact = Measurement(Evaluator(small(), batch_size=7, seed=0), EXAMPLES, "test")
    assert exact.draws == 0 and exact.bits_per_dim_standard_error is None


def test_tables_call_an_estimate_one(tmp_path):
    results = {"test_bits_per_dim": 3.5, "test_bits_per_dim_standard_error": 0.002, "better_weights": "raw"}
    rows = dict(metric_rows(results | {"estimate_draws": 2}))
    assert rows["test bits/dim, an estimate"] == "3.5000" and rows["draws an image"] == "2"
    assert rows["  standard error of the estimate"] == "0.002"
    assert "test bits/dim" in dict(metric_rows({"test_bits_per_dim": 3.5}))
    assert small(exact_dims=0).estimates_log_det and not small().estimates_log_det


def test_a_comparison_calls_an_estimate_one(tmp_path):
    estimated = RESULT | {"test_bits_per_dim_standard_error": 0.002}
    rows = [tables.summarize(name, [result]) | SPEEDS for name, result in (("glow", RESULT), ("residual", estimated))]
    tables.write_variants(tmp_path, rows, RESULT, default_config())
    written = (tmp_path / "table.md").read_text()
    assert "| residual | 4.000 (an estimate, standard error 0.002) |" in written and "| glow | 4.000 |" in written
    header, *lines = (tmp_path / "table.csv").read_text().splitlines()
    assert header.endswith(",bits_per_dim_standard_error") and [line.split(",")[-1] for line in lines] == ["", "0.002"]


@in_full
def test_a_run_is_trained_and_tells_that_its_figures_are_estimates(tmp_path, cache, capsys):
    fields = {f"model.{name}": value for name, value in (SMALL | {"depth": 1, "evaluation_terms": 3}).items()}
    workdir = Workdir(tmp_path / "run")
    run_here("train.py", f"--workdir={workdir.path}", *overrides(**{"model.name": "residual"} | fields))
    results = json.loads(workdir.results.read_text())
    assert results["bits_per_dim_is"].startswith("an estimate of an upper bound") and results["estimate_draws"] == 2
    assert 0.0 < results["test_bits_per_dim_standard_error"] < 1.0
    assert np.isfinite(results["test_bits_per_dim"]) and results["max_reconstruction_error"] < 0.05
    said = capsys.readouterr().out
    assert "bits/dim are estimates" in said and "test bits/dim, an estimate" in said
    header = workdir.metrics.read_text().splitlines()[0].split(",")
    assert "validation_bits_per_dim_standard_error" in header


OF_RUN = {f"model.{name}": value for name, value in (SMALL | {"name": "residual", "depth": 1, "exact_dims": 0}).items()}


@in_full
def test_a_stopped_run_goes_on_bit_for_bit(tmp_path, cache, capsys):
    """Its estimates are of the same draws."""
    check_resumed(tmp_path, **OF_RUN)
    assert "going on at 32 images" in capsys.readouterr().out


@in_full
def test_two_ranks_are_one_with_twice_the_batch(train, tmp_path):
    check_two_ranks(train, tmp_path, **OF_RUN, **{"train.images": 64})


@in_full
def test_an_exported_flow_draws_what_the_run_does(tmp_path, cache):
    run_here("train.py", f"--workdir={tmp_path}/run", *overrides(**OF_RUN | {"train.images": 64}))
    run_here("scripts/export.py", f"--workdir={tmp_path}/run", f"--output={tmp_path}/model")
    given = {"count": tf.constant(2), "temperature": tf.constant(0.7), "seed": tf.constant(0)}
    drawn = tf.saved_model.load(f"{tmp_path}/model").signatures["sample"](**given)["images"]
    flow = flowconv.load(tmp_path / "run")
    np.testing.assert_allclose(drawn, flow.sample(2, temperature=0.7, seed=0), atol=1e-3)


@in_full
def test_a_comparison_trains_residual_flows_beside_others(tmp_path, cache):
    variant = "residual:network=lipschitz_convolution:dense_blocks=0:evaluation_terms=3"
    flags = ["--seeds=1", "--rounds=1", f"--output={tmp_path}/compared", f"--variants=conv1x1,{variant}"]
    fields = TINY | {"train.images": 32, "model.depth": 1, "model.levels": 1, "data.cache_dir": cache}
    run_here("scripts/compare.py", *flags, *(f"--config.{name}={value}" for name, value in fields.items()))
    table = (tmp_path / "compared/table.md").read_text()
    assert re.search(rf"\| {variant} \| [0-9.]+ \(an estimate, standard error", table)


@pytest.mark.parametrize("backward", ["recompute", pytest.param("store", marks=in_full)])
def test_workers_that_share_a_batch_take_the_step_of_one(backward):
    """An image's random terms and vectors are its own: of its position in the stream."""
    fields = SMALL | {"name": "residual", "precision": "float64", "exact_dims": 0, "backward": backward}
    fields = {f"model.{name}": value for name, value in fields.items()} | {"data.image_size": 4}
    config = changed(default_config(), fields)
    flow = build_flow(config)
    step, images = build_step(config, flow), tf.constant(EXAMPLES["image"][:4])
    perturb(flow, 0.05)
    whole = step.differentiate(batch_of(images, 8))
    halves = [step.differentiate(batch_of(images[begin : begin + 2], 8 + begin)) for begin in (0, 2)]
    other = step.differentiate(batch_of(images, 12))
    for found, *parts, control in zip(*map(tf.nest.flatten, (whole, *halves, other)), strict=True):
        np.testing.assert_allclose(found, (parts[0] + parts[1]) / 2.0, rtol=1e-8, atol=1e-10)
        assert np.any(found != control)


def test_depth_is_recomputed():
    fields = {"model.name": "residual", "model.network": "lipschitz_convolution"}
    assert backward_of(fields) == "recompute"
    for backward in ("store", "recompute", "auto"):
        validate(changed(default_config(), fields | {"model.backward": backward}))


REFUSED = [
    ({"network": "glow"}, "model.network=glow: must be l2_attention or lipschitz_convolution with model.name=resid.*"),
    ({"contraction": 1.0}, r"model.contraction=1.0: must be within \(0, 1\)"),
    (
        {"backward": "invert"},
        "model.backward=invert: must be auto, .* with model.name=residual, whose inverse takes .*",
    ),
    ({"evaluation_terms": 0}, "model.evaluation_terms=0: must be a whole number of at least 1"),
    ({"dense_blocks": -1}, "model.dense_blocks=-1: must be a whole number of at least 0"),
    ({"continuation": 1.0}, r"model.continuation=1.0: must be within \(0, 1\)"),
    ({"network": "l2_attention", "patch_size": 16}, "model.patch_size=16: must divide the height and .*, here 8×8"),
]


@pytest.mark.parametrize(("fields", "line"), REFUSED, ids=str)
def test_refuses(fields, line):
    own = {"name": "residual", "network": "lipschitz_convolution"} | fields
    config = changed(default_config(), {f"model.{name}": value for name, value in own.items()})
    with pytest.raises(UserError, match=f"^--config.{line}$"):
        validate(config)


def test_refuses_a_network_that_is_no_contraction_in_python():
    with pytest.raises(ValueError, match="network must be one that is a contraction, got GlowNetwork"):
        build_model("residual", (4, 4, 3), depth=1, levels=1, width=4)
