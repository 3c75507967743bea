"""scripts/run_exported_step.py, of wrong folders and flags; where JAX isn't installed a stand-in computes."""

import contextlib
import json
import re
import runpy
import sys
import types

import numpy as np
import pytest

from flowconv.cli.commands import run_exported_step

PROGRAM = {
    "arguments": [
        {"name": "images", "dtype": "uint8", "shape": [2, 4, 4, 3]},
        {"name": "first", "dtype": "int64", "shape": []},
    ],
    "variables": [],
    "results": [{"name": "bits_per_dim", "dtype": "float32", "shape": []}],
    "updates": [],
}
MANIFEST = {"format": 3, "parameters": 7, "variables": [], "averages": [], "programs": {"train": PROGRAM}}


class Compiled:
    """A program: one that trains returns 4, the others do what their name says of a model of one weight.

    The weight counts steps times the factor on the learning rate, and its average is the half of it. An image has as
    many bits/dim as its first byte says, less the weight, and one more for each unit that its label is away from the
    byte's last digit.
    """

    def __init__(self, name):
        self.name = name.decode()

    def execute_sharded(self, given):
        images, *more = given
        if self.name == "init":
            self.outputs = [np.float32(0.0), np.float32(0.0)]
        elif self.name == "train":
            weight, _, factor = given[-3:] if len(given) > 3 else np.float32([0.0, 0.0, 1.0])
            self.outputs = [np.float32(4.0), np.int32(0), weight + factor, (weight + factor) / 2]
        elif self.name == "encode":
            _, labels, weight = more
            bytes_ = np.asarray(images, np.float32)[:, 0, 0, 0]
            self.outputs = [bytes_ - weight + abs(bytes_ % 10 - labels)]
        else:
            self.outputs = [np.zeros((2, 4, 4, 3), np.uint8)]
        return self

    def disassemble_into_single_device_arrays(self):
        return [[output] for output in self.outputs]


class StableHlo:
    """A module: copies, if its text has any, then the text without them."""

    def __init__(self, program):
        self.program = program
        self.operation = self
        self.copies = [Copy(self) for _ in range(program.count(b"copy "))]

    def walk(self, visit, order):
        for copy in self.copies:
            visit(copy)
        visit(types.SimpleNamespace(name="stablehlo.add"))

    def write_bytecode(self, file):
        file.write(self.program)


class Copy:
    """Of an operand, in the place of which it is used."""

    name = "mhlo.copy"

    def __init__(self, module):
        self.module, self.results, self.operands, self.replaced = module, [self], ["x"], None

    def replace_all_uses_with(self, operand):
        self.replaced = operand

    def erase(self):
        assert self.replaced == "x"
        self.module.program = self.module.program.replace(b"copy ", b"", 1)


@pytest.fixture
def jax(monkeypatch):
    """A stand-in of JAX, as far as the program knows it."""
    device = types.SimpleNamespace(device_kind="none", memory_stats=lambda: None)
    xla = types.SimpleNamespace(mlir=types.SimpleNamespace(hlo_to_stablehlo=lambda program: program), DeviceList=list)
    compiler_ir = types.SimpleNamespace(
        Module=types.SimpleNamespace(parse=StableHlo),
        WalkOrder=types.SimpleNamespace(POST_ORDER=None),
        WalkResult=types.SimpleNamespace(SKIP=None, ADVANCE=None),
    )
    backend = types.SimpleNamespace(compile_and_load=lambda program, *_: Compiled(program))
    modules = {
        "jax": {
            "config": types.SimpleNamespace(update=lambda *_: None),
            "devices": lambda: [device],
            "device_put": lambda value, device: value,
            "Array": np.ndarray,
            "__version__": "0",
        },
        "jax.extend": {"backend": types.SimpleNamespace(get_backend=lambda: backend)},
        "jax.interpreters": {},
        "jax.interpreters.mlir": {"make_ir_context": contextlib.nullcontext},
        "jaxlib.mlir": {"ir": compiler_ir},
        "jaxlib": {"xla_client": types.SimpleNamespace(_xla=xla, CompileOptions=object)},
    }
    for name, content in modules.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def exported(tmp_path):
    """A folder as export_step.py --programs=train writes it."""
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    (tmp_path / "train.hlo.pb").write_bytes(b"copy copy train")
    np.savez(tmp_path / "values.npz")
    return tmp_path


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["run_exported_step.py", *map(str, arguments)])
    runpy.run_path(run_exported_step.__file__, run_name="__main__")


def test_the_loss_of_noisy_images_is_printed_by_its_name(exported, jax, monkeypatch, capsys):
    path, name = exported / "manifest.json", "bits_per_dim_of_noisy_images"
    path.write_text(path.read_text().replace("bits_per_dim", name))
    run(monkeypatch, exported, "--steps=1")
    figures = json.loads(capsys.readouterr().out)
    assert figures[name] == [4.0, 4.0] and "bits_per_dim" not in figures


def test_a_program_that_was_exported_without_init_begins_with_the_exported_values(exported, jax, monkeypatch, capsys):
    run(monkeypatch, exported, "--steps=2")
    assert json.loads(capsys.readouterr().out)["bits_per_dim"] == [4.0, 4.0, 4.0]


def program(arguments, results, variables=(), updates=()):
    shapes = {
        "images": ["uint8", [2, 4, 4, 3]],
        "labels": ["int32", [2]],
        "first": ["int64", []],
        "seed": ["int32", []],
    }
    return {
        "arguments": [{"name": name, "dtype": shapes[name][0], "shape": shapes[name][1]} for name in arguments],
        "variables": list(variables),
        "results": [{"name": name, "dtype": "float32", "shape": shape} for name, shape in results.items()],
        "updates": list(updates),
    }


@pytest.fixture
def model(tmp_path):
    """An export of a whole model, with two seeds, and a file of images."""
    of_images = ["images", "first", "labels"]
    training = program(of_images, {"bits_per_dim": [], "skipped": []}, [0, 1, 2], [(2, 0), (3, 1)])
    programs = {
        "init": program(["seed", *of_images], {}, updates=[(0, 0), (1, 1)]),
        "train": training,
        "encode": program(of_images, {"bits_per_dim": [2]}, [0]),
        "sample": program(["seed"], {"images": [2, 4, 4, 3]}),
    }
    weights = [{"name": name, "dtype": "float32", "shape": [], "has_value": False} for name in ("weight", "average")]
    weights.append({"name": "learning_rate_factor", "dtype": "float32", "shape": [], "has_value": False})
    manifest = MANIFEST | {"seeds": 2, "variables": weights, "averages": [[0, 1]], "programs": programs}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    np.savez(tmp_path / "values.npz")
    for name in programs:
        (tmp_path / f"{name}.hlo.pb").write_bytes(name.encode())
    splits = {}
    for split, count in {"train": 5, "validation": 3, "test": 3}.items():
        splits[split] = np.full((count, 4, 4, 3), 20 + np.arange(count)[:, None, None, None], np.uint8)
        splits[f"{split}_labels"] = np.arange(count, dtype=np.int32)
    splits["test_labels"][0] = 2  # the one that isn't told right
    np.savez(tmp_path / "images.npz", **splits)
    (tmp_path / "images.json").write_text('{"name": "tens"}')
    return tmp_path


def test_each_seed_trains_and_each_image_is_evaluated_once(model, jax, monkeypatch, capsys):
    run(monkeypatch, model, f"--images={model}/images.npz", "--train_images=7", f"--turns={model}/turns")
    found = json.loads(capsys.readouterr().out)
    assert [each["seed"] for each in found["runs"]] == [0, 1] and found["parameters"] == 7
    assert found["export"] == model.name and found["dataset"] == {"name": "tens"}
    for each in found["runs"]:  # four steps of two images; the average is 2 then
        assert (each["images_trained"], each["skipped"]) == (8, 0) and each["training_bits_per_dim"] == [4.0]
        assert each["validation_bits_per_dim"] == 21 - 4 and each["validation_bits_per_dim_ema"] == 21 - 2
        assert each["test_bits_per_dim"] == pytest.approx(21 - 4 + 2 / 3)
        assert each["better_weights"] == "raw" and each["test_accuracy"] == pytest.approx(2 / 3)
        assert [each["images_trained"]] == [evaluation["images_trained"] for evaluation in each["evaluations"]]
    assert set(found["images_per_second"]) == {"train", "encode", "sample"}


def test_without_its_sampling_a_model_is_trained_as_well(model, jax, monkeypatch, capsys):
    manifest = json.loads((model / "manifest.json").read_text())
    del manifest["programs"]["sample"]
    (model / "manifest.json").write_text(json.dumps(manifest))
    run(monkeypatch, model, f"--images={model}/images.npz", "--train_images=7")
    found = json.loads(capsys.readouterr().out)
    assert len(found["runs"]) == 2 and set(found["images_per_second"]) == {"train", "encode"}


def test_the_best_learning_rate_of_a_quarter_of_the_training_is_taken(model, jax, monkeypatch, capsys):
    run(monkeypatch, model, f"--images={model}/images.npz", "--train_images=8", "--learning_rates=0.5,2,1")
    found = json.loads(capsys.readouterr().out)
    assert found["learning_rate_trials"] == {"0.5": 21 - 0.5, "2": 21 - 2, "1": 21 - 1}
    assert found["learning_rate_factor"] == 2
    assert [each["validation_bits_per_dim"] for each in found["runs"]] == [21 - 2 * 4] * 2


def test_evaluations_on_the_way(model, jax, monkeypatch, capsys):
    run(monkeypatch, model, f"--images={model}/images.npz", "--train_images=9", "--evaluate_images=4")
    for each in json.loads(capsys.readouterr().out)["runs"]:
        found = {at["images_trained"]: at["validation_bits_per_dim"] for at in each["evaluations"]}
        assert found == {4: 21 - 2, 8: 21 - 4, 10: 21 - 5} and each["validation_bits_per_dim"] == 21 - 5


def test_seconds_are_turned_into_steps(model, jax, monkeypatch, capsys):
    run(monkeypatch, model, f"--images={model}/images.npz", "--seconds=0.05")
    assert all(each["images_trained"] > 2 for each in json.loads(capsys.readouterr().out)["runs"])


def test_a_whole_model_is_needed_to_train(exported, model, jax, monkeypatch, capsys):
    manifest = json.loads((model / "manifest.json").read_text())
    del manifest["programs"]["encode"]
    (model / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, model, f"--images={model}/images.npz")
    right = "needs encode; .* has init, train, sample alone"
    assert ended.value.code == 2 and re.search(rf"--images=.*: {right}$", capsys.readouterr().err)


@pytest.mark.parametrize("damage", ["images.npz", "images.json", "no archive", "a split less"])
def test_images_that_cannot_be_read(damage, model, jax, monkeypatch, capsys):
    if damage.startswith("images."):
        (model / damage).unlink()
    elif damage == "no archive":
        (model / "images.npz").write_text("PK no archive")
    else:
        np.savez(model / "images.npz", train=np.zeros((2, 4, 4, 3), np.uint8))
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, model, f"--images={model}/images.npz")
    line = capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 2 and f"--images={model}/images.npz: can't be read as export_step.py --data" in line


@pytest.mark.parametrize("seed", [0, 1])
def test_every_pass_over_the_images_has_an_order_of_its_own(seed, model, jax):
    found = runpy.run_path(run_exported_step.__file__)
    with np.load(model / "images.npz") as arrays:
        images = found["Images"](arrays, "train")
    batches = images.shuffled(5, seed)
    first, second = next(batches), next(batches)
    assert sorted(first[1]) == sorted(second[1]) == [0, 1, 2, 3, 4]
    assert list(first[1]) != list(second[1])
    for pixels, labels in (first, second):
        np.testing.assert_array_equal(pixels[:, 0, 0, 0], 20 + labels)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--steps=-1"], "argument --steps: invalid number of at least 0 value: '-1'"),
        (["--batch=x"], "argument --batch: invalid number of at least 0 value: 'x'"),
        (["--batch=3"], "is for 2 images; shapes are static"),
        (["--program=sample"], "has train alone"),
        (["--images=x.npz"], "has train alone"),
        (["--learning_rates=1,0"], "argument --learning_rates: invalid numbers above 0 value: '1,0'"),
        (["--learning_rates="], "argument --learning_rates: invalid numbers above 0 value: ''"),
        (["--seconds=0"], "argument --seconds: invalid number above 0 value: '0'"),
        (["--seconds=nan"], "argument --seconds: invalid number above 0 value: 'nan'"),
    ],
)
def test_wrong_flags(arguments, line, exported, jax, monkeypatch, capsys):
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, exported, *arguments)
    assert ended.value.code == 2 and capsys.readouterr().err.endswith(f"{line}\n")


DAMAGE = {
    "manifest.json": [None, "", "[]", "{}", json.dumps(MANIFEST | {"format": 1}), json.dumps({"format": 3})],
    "values.npz": [None, "", "PK no archive"],
    "train.hlo.pb": [None],
}


@pytest.mark.parametrize(("name", "content"), [(name, each) for name, all in DAMAGE.items() for each in all])
def test_a_folder_that_is_no_export(name, content, exported, jax, monkeypatch, capsys):
    (exported / name).unlink()
    if content is not None:
        (exported / name).write_text(content)
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, exported)
    assert ended.value.code == 2
    assert f"error: {exported}: is no export that can be read (" in capsys.readouterr().err.splitlines()[-1]
