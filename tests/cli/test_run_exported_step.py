"""scripts/run_exported_step.py, of wrong folders and flags; where JAX isn't installed a stand-in computes."""

import json
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
MANIFEST = {"format": 1, "variables": [], "programs": {"train": PROGRAM}}


class Compiled:
    """A program that returns 4."""

    def execute_sharded(self, given):
        return self

    def disassemble_into_single_device_arrays(self):
        return [[np.float32(4.0)]]


@pytest.fixture
def jax(monkeypatch):
    """A stand-in of JAX, as far as the program knows it."""
    device = types.SimpleNamespace(device_kind="none", memory_stats=lambda: None)
    xla = types.SimpleNamespace(mlir=types.SimpleNamespace(hlo_to_stablehlo=lambda program: program), DeviceList=list)
    backend = types.SimpleNamespace(compile_and_load=lambda *_: Compiled())
    modules = {
        "jax": {
            "config": types.SimpleNamespace(update=lambda *_: None),
            "devices": lambda: [device],
            "device_put": lambda value, device: value,
            "Array": np.ndarray,
            "__version__": "0",
        },
        "jax.extend": {"backend": types.SimpleNamespace(get_backend=lambda: backend)},
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
    (tmp_path / "train.hlo.pb").write_bytes(b"")
    np.savez(tmp_path / "values.npz")
    return tmp_path


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["run_exported_step.py", *map(str, arguments)])
    runpy.run_path(run_exported_step.__file__, run_name="__main__")


def test_a_program_that_was_exported_without_init_begins_with_the_exported_values(exported, jax, monkeypatch, capsys):
    run(monkeypatch, exported, "--steps=2")
    assert json.loads(capsys.readouterr().out)["bits_per_dim"] == [4.0, 4.0, 4.0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--steps=-1"], "argument --steps: invalid number of at least 0 value: '-1'"),
        (["--batch=x"], "argument --batch: invalid number of at least 0 value: 'x'"),
        (["--batch=3"], "is for 2 images; shapes are static"),
        (["--program=sample"], "has train alone"),
    ],
)
def test_wrong_flags(arguments, line, exported, jax, monkeypatch, capsys):
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, exported, *arguments)
    assert ended.value.code == 2 and capsys.readouterr().err.endswith(f"{line}\n")


DAMAGE = {
    "manifest.json": [None, "", "[]", "{}", json.dumps(MANIFEST | {"format": 2}), json.dumps({"format": 1})],
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
