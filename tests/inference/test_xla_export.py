"""The training step is one XLA program, for every experiment and every variant; and as such it can be exported.

Nothing is compiled or run here but the export's results: lowering a step finds a kernel of XLA's for each operation, or
fails. The wheels for CPUs hold no kernels for GPUs; but XLA's kernels are the same for both unless they end in a
custom call, of which there must be none but those that XLA expands itself or that its GPU compiler has as well.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from flowconv.cli.commands.export_step import export_step
from flowconv.config import SETTINGS, default_config, validate
from flowconv.errors import Interrupted, UserError
from flowconv.inference import xla_export
from flowconv.models import build_flow
from flowconv.testing import perturb
from flowconv.training.step import build_step
from tests.batches import batch_of
from tests.runs import FULL, parametrized
from tests.test_configs import CONFIGS, SMALL, load

# Both are parts of a QR decomposition, which XLA expands to its own operations before it compiles.
ON_ALL_DEVICES = {"Qr", "ProductOfElementaryHouseholderReflectors"}
HOST = {"infeed", "outfeed", "send", "recv", "send-done", "recv-done"}


def tiny(**fields):
    config = default_config()
    values = {"model.levels": 1, "model.depth": 2, "model.width": 4, "data.image_size": 4}
    config.update_from_flattened_dict(values | fields)
    validate(config)
    return config


def new_step(config):
    config.train.jit_compile = "off"  # the whole is compiled, not its parts
    return build_step(config, build_flow(config))


def lowered(config, batch_size=2):
    return xla_export.training_program(new_step(config), batch_size).lower()


def check(hlo):
    """A program of forward, backward and update that runs on any device."""
    operations = xla_export.operations(hlo)
    assert {"while", "conditional"} <= operations and {"convolution", "dot"} & operations
    assert not xla_export.operations(hlo) & HOST
    assert xla_export.custom_calls(hlo) <= ON_ALL_DEVICES


# The others have the same operations, in more levels.
DIFFERENT = ["letters", "flowpp_cifar10", "tarflow_photos"]


@pytest.mark.parametrize("path", parametrized({path.stem: path for path in CONFIGS}, DIFFERENT))
def test_every_experiment_lowers(path):
    """At full size and levels; K is 2, since depth is a loop (see the next test but one), and with small networks."""
    config = load(path)
    config.model.depth, config.model.width = 2, 8
    for name in SMALL.keys() & set(config.model):
        config.model[name] = SMALL[name]
    check(lowered(config, batch_size=1))


# Whether an operation has a kernel doesn't depend on the others, so that a model may have several things to lower.
VARIANTS = {
    "shift": {"model.parameterization": "qr", "model.shift": "position"},
    "conv1x1": {"model.parameterization": "direct", "model.precision": "bfloat16"},
    "emerging": {"model.parameterization": "orthogonal", "model.backward": "recompute"},
    "periodic": {"model.coupling": "additive"},
    "rolled_shift": {"model.prior": "learned", "model.levels": 2, "model.preprocessing": "centre"},
    "reverse": {"model.backward": "store", "model.coupling": "spline"},
    "shuffle": {
        "model.coupling": "mixture",
        "optimizer.name": "adamax",
        "optimizer.schedule": "cosine",
        "optimizer.clip_norm": 0.0,
    },
    "realnvp": {"model.name": "realnvp", "model.depth": 4, "model.precision": "float64"},
    "nice": {"model.name": "nice"},
    "jet": {
        "model.name": "jet",
        "model.squeeze": 2,
        "model.network": "transformer",
        "model.heads": 2,
        "model.coupling": "bounded_affine",
    },
    "residual": {
        "model.name": "residual",
        "model.network": "lipschitz_convolution",
        "model.dense_width": 4,
        "model.exact_dims": 0,
    },
}
CONVOLUTIONS = SETTINGS["model.convolution"].names
# That XLA takes convolutions and residual layers is shown in tests/bijectors, too.
FURTHER = {name: {"model.convolution": name} for name in CONVOLUTIONS if name not in VARIANTS}
ALL = {name: ({"model.convolution": name} if name in CONVOLUTIONS else {}) | own for name, own in VARIANTS.items()}


@pytest.mark.parametrize("fields", parametrized(ALL | FURTHER, set(VARIANTS) - {"residual"}))
def test_every_variant_lowers(fields):
    check(lowered(tiny(**fields)))


def test_the_loss_of_noisy_images_is_called_so():
    """It is no bits/dim of 8-bit images; those of the other programs are."""
    step = new_step(tiny(**{"model.dequantization": "gaussian", "model.preprocessing": "centre"}))
    step.flow.reset_weights()
    programs = xla_export.all_programs(step, 2, 4)
    images, first = tf.zeros([2, 4, 4, 3], tf.uint8), tf.constant(0, tf.int64)
    given = {"init": [tf.constant(0), images, first], "train": [images, first], "encode": [images, first]}
    found = {name: set(programs[name].function(*of_it)) for name, of_it in given.items()}
    losses = "bits_per_dim_of_noisy_images", "gradient_norm", "learning_rate", "skipped"
    assert found == {"init": {"bits_per_dim"}, "train": set(losses), "encode": {"bits_per_dim"}}


@pytest.mark.parametrize("backward", ["store", "recompute", "invert"] if FULL else ["invert"])
def test_a_user_s_own_compiled_gradient_is_that_of_the_kernels(backward):
    flow = build_flow(tiny(**{"model.backward": backward}))
    perturb(flow)
    x = tf.constant(np.random.default_rng(0).uniform(0.1, 0.9, (2, 4, 4, 3)), tf.float32)

    def loss_and_gradients(x):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(flow.log_prob(x))
        return loss, tape.gradient(loss, [variable.value for variable in flow.trainable_variables])

    expected = tf.function(loss_and_gradients)(x)
    found = tf.function(loss_and_gradients, jit_compile=True)(x)
    for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_the_program_does_not_grow_with_depth():
    sizes = [len(lowered(tiny(**{"model.depth": depth})).splitlines()) for depth in (5, 6)]
    assert sizes[0] == sizes[1]


def test_an_operation_without_kernel_is_noticed():
    """The control of the above."""
    spec = {"x": tf.TensorSpec((3, 3))}
    without_kernel = xla_export.Program(lambda x: {"y": tf.linalg.slogdet(x)[1]}, spec)
    with pytest.raises((tf.errors.OpError, ValueError), match="LogMatrixDeterminant"):
        without_kernel.lower()
    qr = xla_export.Program(lambda x: {"y": tf.linalg.qr(x)[1]}, spec).lower()
    assert xla_export.custom_calls(qr) == ON_ALL_DEVICES


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    directory = tmp_path_factory.mktemp("export")
    step = new_step(tiny())
    return step, directory, xla_export.export(xla_export.all_programs(step, 4, 8), step, directory)


def test_the_manifest_says_what_an_export_holds(exported):
    step, directory, manifest = exported
    assert json.loads((directory / "manifest.json").read_text()) == json.loads(json.dumps(manifest))
    variables = [*step.flow.variables, *step.optimizer.variables]
    described = manifest["variables"]
    assert [each["name"] for each in described] == [*(v.path for v in variables), "images_seen", "learning_rate_factor"]
    assert [each["shape"] for each in described] == [*(list(v.shape) for v in variables), [], []]
    with np.load(directory / "values.npz") as values:
        assert set(values) == {str(number) for number, each in enumerate(described) if each["has_value"]}
        for number, value in values.items():
            assert value.shape == tuple(described[int(number)]["shape"])
            assert value.dtype == described[int(number)]["dtype"]
    images = {"name": "images", "dtype": "uint8", "shape": [4, 4, 4, 3]}
    first = {"name": "first", "dtype": "int64", "shape": []}
    assert manifest["programs"]["train"]["arguments"] == [images, first]
    seed = {"name": "seed", "dtype": "int32", "shape": []}
    assert manifest["programs"]["init"]["arguments"] == [seed, images | {"shape": [8, 4, 4, 3]}, first]
    results = [result["name"] for result in manifest["programs"]["train"]["results"]]
    assert results == ["bits_per_dim", "gradient_norm", "learning_rate", "skipped"]
    for name, program in manifest["programs"].items():
        assert (directory / f"{name}.hlo.pb").stat().st_size > 1_000
        assert len(program["variables"]) == len(set(program["variables"]))
        assert {number for _, number in program["updates"]} <= set(program["variables"])


@pytest.mark.parametrize(
    ("fields", "more", "of_sample"),
    [
        ({"model.condition": "class", "model.classes": 3}, ["labels"], ["labels"]),
        ({"model.condition": "low_resolution"}, [], ["images"]),
    ],
    ids=["class", "low_resolution"],
)
def test_programs_of_conditional_flows_take_the_condition(fields, more, of_sample):
    step = new_step(tiny(**fields))
    programs = xla_export.all_programs(step, 2, 4)
    for name in ("init", "train", "encode"):
        assert [*programs[name].arguments] == [*(["seed"] if name == "init" else []), "images", "first", *more]
    assert [*programs["sample"].arguments] == ["seed", *of_sample]
    programs["train"].lower()
    step.flow.reset_weights()
    perturb(step.flow, 0.1)
    generator = np.random.default_rng(0)
    images = tf.constant(generator.integers(0, 256, (2, 4, 4, 3)), tf.uint8)
    labels = [tf.constant([2, 0])] if more else []
    batch = {"image": images, "label": tf.constant([2, 0])}
    bits = programs["encode"].function(images, tf.constant(0, tf.int64), *labels)["bits_per_dim"]
    condition = step.flow.condition_of(batch)
    np.testing.assert_allclose(bits, step.flow.bits_per_dim(images, step.seed, condition=condition), rtol=1e-6)
    drawn = programs["sample"].function(tf.constant(1), *(labels or [images]))["images"]
    np.testing.assert_array_equal(drawn, step.flow.to_images(step.flow.sample(2, 0.7, 1, condition)))


def test_an_exported_step_updates_what_the_step_does(exported):
    step, _, manifest = exported
    names = [each["name"] for each in manifest["variables"]]
    updated = {number for _, number in manifest["programs"]["train"]["updates"]}
    changing = [*step.flow.trainable_variables, *step.optimizer.variables]
    expected = {*(v.path for v in changing), "images_seen"}
    assert {names[number] for number in updated} == expected
    averages = {names[average] for _, average in manifest["averages"]}
    assert len(averages) == len(manifest["averages"]) == len(step.flow.trainable_variables)
    assert averages <= {v.path for v in step.optimizer.variables}
    assert {names[weight] for weight, _ in manifest["averages"]} == {v.path for v in step.flow.trainable_variables}
    assert not manifest["programs"]["encode"]["updates"] and not manifest["programs"]["sample"]["updates"]


def test_one_program_initializes_from_each_seed():
    step = new_step(tiny())
    programs = xla_export.all_programs(step, 2, 4, seeds=2)
    assert [*programs] == ["init", "train", "encode", "sample"]
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (4, 4, 4, 3), np.uint8))
    kernel = next(v for v in step.flow.trainable_variables if v.path.endswith("first.kernel"))
    for initialize in (programs["init"].function, programs["init"].compiled()):  # XLA has random numbers of its own
        drawn = []
        for number in (1, 0):
            initialize(tf.constant(number), images, tf.constant(0, tf.int64))
            drawn.append(kernel.numpy())
            if initialize is programs["init"].function:
                step.flow.reset_weights(step.seed + number)
                np.testing.assert_array_equal(drawn[-1], kernel)
        assert np.all(drawn[0] != drawn[1])


def test_the_program_of_starting_weights_does_not_grow_with_depth():
    """Of a transformer, too: each operation of its draws would be there once a step."""
    found = [
        xla_export.all_programs(
            new_step(tiny(**{"model.network": "transformer", "model.heads": 2, "model.depth": depth})), 2, 4
        )["init"]
        for depth in (2, 3)
    ]
    sizes = [len(program.lower().splitlines()) for program in found]
    assert sizes[1] < 1.05 * sizes[0]


def test_an_exported_initialization_sets_what_is_not_carried_along(exported):
    """After "init" no kernel is zero that wasn't, and every data-dependent layer is initialized."""
    step, _, manifest = exported
    set_there = {number for _, number in manifest["programs"]["init"]["updates"]}
    for number, variable in enumerate(step.flow.variables):
        if variable.path.endswith(("initialized", "first.kernel", "hidden.kernel")):
            assert number in set_there, variable.path
        elif np.any(variable.numpy()):
            assert manifest["variables"][number]["has_value"] or number in set_there, variable.path


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax, which runs exports, is not among flowconv's")
def test_where_jax_is_installed_an_export_gives_the_same_losses(exported):
    step, directory, _ = exported
    script = Path(__file__).resolve().parents[2] / "scripts" / "run_exported_step.py"
    command = [sys.executable, str(script), str(directory), "--steps=2"]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = json.loads(printed.splitlines()[-1])["bits_per_dim"]
    images = [np.random.default_rng(0).integers(0, 256, (n, 4, 4, 3), np.uint8) for n in (8, 4)]
    initialize = xla_export.all_programs(step, 4, 8)["init"].compiled()
    initialize(tf.constant(0), tf.constant(images[0]), tf.constant(0, tf.int64))
    expected = [float(step(batch_of(images[1], number))["bits_per_dim"]) for number in (0, 4, 8)]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def given(output, batch_size=None, programs=("train",), seeds=1, data=False):
    return SimpleNamespace(output=str(output), batch_size=batch_size, programs=programs, seeds=seeds, data=data)


@pytest.fixture
def batch_sizes(monkeypatch):
    """Those of which programs were made; nothing is built or compiled."""
    made = []
    monkeypatch.setattr("flowconv.models.build_flow", lambda config: None)
    monkeypatch.setattr("flowconv.training.step.build_step", lambda config, flow: None)
    monkeypatch.setattr(
        xla_export, "all_programs", lambda step, batch_size, *more: made.append(batch_size) or {"train": 0}
    )

    def export(programs, step, directory, seeds):
        manifest = {"programs": programs, "variables": []}
        for path in xla_export.files_of(manifest, directory):
            path.write_bytes(bytes(10**6))
        return manifest

    monkeypatch.setattr(xla_export, "export", export)
    return made


def test_an_exported_step_takes_as_many_images_as_that_of_a_run(batch_sizes, tmp_path):
    """A batch for each of its backward passes, unless they are given; then they must be parted alike."""
    config = tiny(**{"distributed.backward_passes_per_step": 4, "train.batch_size": 3})
    export_step(given(tmp_path), config)
    export_step(given(tmp_path, 8), config)
    assert batch_sizes == [12, 8]
    with pytest.raises(UserError, match=r"^--batch_size=6: must be divisible by .*backward_passes_per_step = 4$"):
        export_step(given(tmp_path, 6), config)


def test_images_are_written_for_training_elsewhere(batch_sizes, tmp_path, monkeypatch):
    config = tiny(**{"data.name": "photos", "data.image_size": 32})
    shown = SimpleNamespace(
        splits={"train": np.zeros((3, 4, 4, 3), np.uint8), "test": np.ones((2, 4, 4, 3), np.uint8)},
        labels={"train": np.arange(3), "test": np.arange(2)},
        describe=lambda: {"name": "two splits"},
    )
    monkeypatch.setattr("flowconv.data.load", lambda settings: shown)
    export_step(given(tmp_path, data=True), config)
    assert json.loads((tmp_path / "images.json").read_text()) == {"name": "two splits"}
    with np.load(tmp_path / "images.npz") as arrays:
        assert {name: array.shape[0] for name, array in arrays.items()} == {
            "train": 3,
            "test": 2,
            "train_labels": 3,
            "test_labels": 2,
        }


def test_seeds_without_an_initialization_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"^--seeds=3: is not used without init in --programs; leave it out$"):
        export_step(given(tmp_path, seeds=3), tiny())


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(batch_sizes):
    with pytest.raises(UserError, match=r"^--output=/proc: can't be written \("):
        export_step(given("/proc"), tiny())
    assert not batch_sizes


def test_the_size_of_an_export_is_that_of_its_own_files(batch_sizes, tmp_path, capsys):
    (tmp_path / "film.mp4").write_bytes(bytes(10**6))
    export_step(given(tmp_path), tiny())
    assert "; 3.0 MB in " in capsys.readouterr().out


def test_an_export_that_is_stopped_has_no_manifest(tmp_path):
    """That of an earlier one would tell of other variables than the programs take."""

    def compiled():
        raise Interrupted("stopped by SIGTERM", 15)

    nothing = SimpleNamespace(variables=[])
    numbers = {"images_seen": tf.Variable(0), "learning_rate_factor": tf.Variable(1.0)}
    (tmp_path / xla_export.MANIFEST).write_text("{}")
    with pytest.raises(Interrupted):
        step = SimpleNamespace(flow=nothing, optimizer=nothing, **numbers)
        xla_export.export({"train": SimpleNamespace(compiled=compiled)}, step, tmp_path)
    assert not (tmp_path / xla_export.MANIFEST).exists()
