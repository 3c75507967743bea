"""The worked examples of docs/examples: one small file, dropped into a folder, is a part at once, and it trains."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.runs import ROOT, environment, overrides

EXAMPLES = {
    "rotations": ("bijectors/convolutions", {"model.convolution": "rotations"}),
    "exponential": ("bijectors/elementwise", {"model.coupling": "exponential", "model.amplitude": 1.5}),
    "shallow": ("networks", {"model.network": "shallow", "model.filters": 8}),
    "kumaraswamy": ("surjections", {"model.dequantization": "kumaraswamy"}),
    "stripes": ("data/datasets", {"data.name": "stripes", "data.channels": 1}),
    "clipped_samples": ("evaluation/metrics", {}),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of a copy of the program into which every example was dropped, and no other file was touched."""
    folder = tmp_path_factory.mktemp("examples")
    program = folder / "program"
    for part in ("flowconv", "configs"):
        shutil.copytree(ROOT / part, program / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "train.py", program)
    fields = {"train.images": 320}
    for name, (part, own) in EXAMPLES.items():
        shutil.copy(ROOT / "docs/examples" / f"{name}.py", program / "flowconv" / part)
        fields |= own
    result = subprocess.run(
        [sys.executable, "train.py", f"--workdir={folder}/run", *overrides(**fields)],
        capture_output=True,
        text=True,
        cwd=program,
        env=environment(),
    )
    assert result.returncode == 0, result.stderr
    return folder / "run"


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_one_small_file(name):
    assert len((ROOT / "docs/examples" / f"{name}.py").read_text().splitlines()) < 40


def test_all_examples_are_documented():
    assert {path.stem for path in (ROOT / "docs/examples").glob("*.py")} == set(EXAMPLES)


def test_a_run_of_the_examples_trains(run):
    found = json.loads((run / "results.json").read_text())
    assert found["max_reconstruction_error"] < 0.05 and found["changed_pixels"] == 0
    assert found["test_bits_per_dim"] < 7.5
    assert 0.0 <= found["clipped_samples"] <= 1.0


@pytest.mark.parametrize("fields", [fields for _, fields in EXAMPLES.values()], ids=EXAMPLES)
def test_its_settings_are_kept(run, fields):
    kept = (run / "config.json").read_text()
    assert all(json.dumps(value) in kept for value in fields.values())
