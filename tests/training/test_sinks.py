"""What sinks are told of a run: TensorBoard's files, MLflow's store, and stand-ins for libraries that aren't there."""

import contextlib
import sys
import types
from unittest import mock

import numpy as np
import pytest
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams

from flowconv.config import changed, default_config, sinks_of
from flowconv.config.parts import SINKS
from flowconv.errors import UserError
from flowconv.evaluation.sheets import Sheet
from flowconv.training import sink as contract
from tests.training.test_run_logger import Run

HEALTH = {f"condition_number/level 1, step {step:02}": 10.0**step for step in range(24)}
HEALTH |= {f"smallest_singular_value/level 1, step {step:02}": 0.1 for step in range(24)}
HEALTH |= {"health/max_condition_number": 1e23, "health/min_alpha": 0.5}
SHEET = Sheet(np.zeros((4, 8, 8, 3), np.uint8), 2, "4 samples at temperature 0.8, seed 0")


def tell(run, finished=True):
    """Has a logger tell all that it has to."""
    run.begin()
    run.step(16, 4.0)
    run.logger.validation(16, {"validation_bits_per_dim": 3.5, "validation_bits_per_dim_ema": 3.25}, HEALTH)
    run.logger.pictures(16, {"samples": SHEET})
    run.logger.test({"test_bits_per_dim": 3.75, "test_bits_per_dim_ema": 3.5, "changed_pixels": 0, "seed": 3})
    run.logger.close(finished)


@pytest.fixture
def told(tmp_path):
    """TensorBoard's files of a run, by series."""
    run = Run(tmp_path / "photos")
    tell(run)
    folders = [path for path in run.workdir.tensorboard.iterdir() if path.is_dir()]
    return {path.name: EventAccumulator(str(path)).Reload() for path in (run.workdir.tensorboard, *folders)}


def test_training_and_validation_stand_in_one_chart(told):
    """Whose lines are the series that have one tag."""
    of_bits = {series for series, events in told.items() if "bits_per_dim" in events.Tags()["tensors"]}
    assert of_bits == {"train", "validation", "validation_ema", "test", "test_ema"}


def test_a_handful_of_charts_bits_per_dim_first(told):
    """Though there are 48 matrices."""
    of_plugin = {"scalars": set(), "histograms": set()}
    for events in told.values():
        for plugin, tags in of_plugin.items():
            with contextlib.suppress(KeyError):
                tags |= set(events.PluginTagToContent(plugin))
    assert sorted(of_plugin["scalars"])[0] == "bits_per_dim" and len(of_plugin["scalars"]) < 10
    assert of_plugin["histograms"] == {"health/condition_number", "health/smallest_singular_value"}


def test_every_chart_and_picture_has_a_caption(told):
    for series, events in told.items():
        for tag in events.Tags()["tensors"]:
            if not tag.startswith("_hparams_"):
                assert events.SummaryMetadata(tag).summary_description, (series, tag)
    assert told["validation"].SummaryMetadata("samples").summary_description == SHEET.title


@pytest.mark.parametrize(
    ("dequantization", "unit"), [("uniform", "bits/dim"), ("gaussian", "bits/dim of noisy images")]
)
def test_a_caption_has_the_unit_of_training(tmp_path, dequantization, unit):
    run = Run(tmp_path, **{"model.dequantization": dequantization, "model.preprocessing": "centre"})
    tell(run)
    train, validation = (
        EventAccumulator(str(run.workdir.tensorboard / name)).Reload() for name in ("train", "validation")
    )
    assert train.SummaryMetadata("steps/gradient_norm").summary_description == f"gradient norm, in {unit}"
    of_training = "of training batches" in validation.SummaryMetadata("bits_per_dim").summary_description
    assert of_training == (dequantization == "uniform")


def test_runs_are_compared_by_their_names_and_scores(told):
    root = told["tensorboard"]
    content = root.PluginTagToContent("hparams")
    experiment = hparams.parse_experiment_plugin_data(content[hparams.EXPERIMENT_TAG])
    found = {(metric.name.group, metric.name.tag) for metric in experiment.metric_infos}
    first = [info.name for info in experiment.hparam_infos[:5]]  # those that are shown unless one chooses
    assert first == ["model.name", "model.levels", "model.depth", "model.width", "model.convolution"]
    assert found == {(series, "bits_per_dim") for series in ("validation", "validation_ema", "test", "test_ema")}
    session = hparams.parse_session_start_info_plugin_data(content[hparams.SESSION_START_INFO_TAG])
    assert session.group_name == "photos" and session.hparams["train.batch_size"].number_value == 16
    assert {"data.name", "model.depth", "seed"} <= set(session.hparams) and "data.dir" not in session.hparams
    (config,) = root.Tensors("config")
    assert b"| model.depth | `32` |" in config.tensor_proto.string_val[0]


def test_a_sink_has_the_package_it_needs_and_words():
    for name in SINKS:
        kind = SINKS.load(name)
        assert kind.package and kind.title and issubclass(kind, contract.Sink)
        assert SINKS.part(name).definition.attributes["package"] == kind.package


@pytest.mark.parametrize(
    ("phase", "name", "place", "flat"),
    [
        ("train", "bits_per_dim", ("train", "bits_per_dim"), "train/bits_per_dim"),
        ("train", "gradient_norm", ("train", "steps/gradient_norm"), "train/gradient_norm"),
        (
            "validation",
            "validation_bits_per_dim_ema",
            ("validation_ema", "bits_per_dim"),
            "validation_ema/bits_per_dim",
        ),
        ("test", "test_bits_per_dim", ("test", "bits_per_dim"), "test/bits_per_dim"),
        (
            "test",
            "test_bits_per_dim_ema_importance_weighted",
            ("test_ema", "test/bits_per_dim_importance_weighted"),
            "test_ema/bits_per_dim_importance_weighted",
        ),
        ("validation", "health/min_alpha", ("validation", "health/min_alpha"), "health/min_alpha"),
    ],
)
def test_a_figure_has_a_series_and_a_tag(phase, name, place, flat):
    assert contract.place(phase, name) == place and contract.flat(*place) == flat


def test_no_sink_is_a_choice_too(tmp_path):
    run = Run(tmp_path, **{"train.sinks": ""})
    assert not sinks_of(run.config)
    tell(run)
    assert not run.workdir.tensorboard.exists() and run.workdir.metrics.exists()


@pytest.fixture
def wandb(monkeypatch):
    """A stand-in for Weights & Biases."""
    module = mock.MagicMock()
    module.init.side_effect = lambda **_: module.run
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def test_weights_and_biases_are_told(tmp_path, wandb):
    run = Run(tmp_path / "photos", **{"train.sinks": "wandb"})
    tell(run)
    begun = wandb.init.call_args.kwargs
    assert begun["name"] == "photos" and begun["config"]["train.batch_size"] == 16
    logged = {}
    for call in wandb.run.log.call_args_list:
        assert call.args[0].pop("images_seen") in (0, 16)
        logged |= call.args[0]
    expected = {
        "train/bits_per_dim": 4.0,
        "validation/bits_per_dim": 3.5,
        "validation_ema/bits_per_dim": 3.25,
        "test_ema/bits_per_dim": 3.5,
        "health/min_alpha": 0.5,
    }
    assert expected.items() <= logged.items() and {"samples", "health/condition_number"} <= logged.keys()
    wandb.run.finish.assert_called_once_with(exit_code=0)
    run.begin(images_seen=16)  # goes on
    assert wandb.init.call_args.kwargs["id"] == begun["id"]
    assert not run.workdir.tensorboard.exists()


def test_a_sink_that_fails_is_given_up_in_a_line(tmp_path, wandb, capsys):
    """The network, say; the others are told all the same."""
    wandb.run.log.side_effect = RuntimeError("no network\nand more")
    run = Run(tmp_path / "photos", **{"train.sinks": "wandb,tensorboard"})
    tell(run)
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert warnings == ["warning: the run goes on without Weights & Biases: no network"]
    assert run.shown() == [(16, 4.0)]


def stand_in_for_mlflow():
    """As much of MLflow as is used, which keeps what it is told."""
    module, client = types.ModuleType("mlflow"), mock.MagicMock()
    client.get_experiment_by_name.return_value = None
    client.create_run.return_value.info.run_id = "abc"
    module.MlflowClient = lambda: client
    module.entities = types.SimpleNamespace(
        Metric=lambda key, value, timestamp, step: types.SimpleNamespace(key=key, value=value, step=step),
        Param=lambda *values: values,
    )
    return module, client


def test_mlflow_is_told(tmp_path, monkeypatch):
    module, client = stand_in_for_mlflow()
    monkeypatch.setitem(sys.modules, "mlflow", module)
    run = Run(tmp_path / "photos", **{"train.sinks": "mlflow"})
    tell(run, finished=False)
    client.create_run.assert_called_once()
    assert client.create_run.call_args.kwargs == {"run_name": "photos"}
    metrics = [each for call in client.log_batch.call_args_list for each in call.kwargs.get("metrics", ())]
    assert {"train/bits_per_dim": 4.0, "test/bits_per_dim": 3.75}.items() <= {m.key: m.value for m in metrics}.items()
    client.set_terminated.assert_called_once_with("abc", "KILLED")
    run.begin(images_seen=16)
    client.create_run.assert_called_once()


def test_mlflow_s_store_keeps_a_run(tmp_path, monkeypatch):
    """If MLflow is installed, its own file store."""
    mlflow = pytest.importorskip("mlflow", reason="needs mlflow, which is no dependency")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{tmp_path}/mlruns")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(f"file://{tmp_path}/mlruns")
    run = Run(tmp_path / "photos", **{"train.sinks": "mlflow"})
    tell(run)
    client = mlflow.MlflowClient()
    (kept,) = client.search_runs([client.get_experiment_by_name("flowconv").experiment_id])
    assert kept.info.status == "FINISHED" and kept.info.run_name == "photos"
    assert kept.data.params["train.batch_size"] == "16"
    assert kept.data.metrics["validation_ema/bits_per_dim"] == 3.25 and kept.data.metrics["test/bits_per_dim"] == 3.75
    assert [each.step for each in client.get_metric_history(kept.info.run_id, "train/bits_per_dim")] == [16]
    assert [each.path for each in client.list_artifacts(kept.info.run_id, "samples")] == ["samples/000000016.png"]
    run.begin(images_seen=16)
    run.step(32, 3.0)
    run.logger.close(finished=True)
    history = client.get_metric_history(kept.info.run_id, "train/bits_per_dim")
    assert [(each.step, each.value) for each in history] == [(16, 4.0), (32, 3.0)]


def test_sinks_are_looked_at_before_a_run(monkeypatch):
    from flowconv.preflight import checks

    config = default_config()
    assert checks._sinks(config) == "tensorboard"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install tensorboard"):
        checks._sinks(config)


def test_a_sink_that_is_named_twice_shows_a_run_once():
    assert sinks_of(changed(default_config(), {"train.sinks": "wandb,tensorboard,wandb"})) == ("wandb", "tensorboard")
