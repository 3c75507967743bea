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
    "stripes": ("data/datasets", {"data.name": "stripes", "data.channels": 1}),
}


@pytest.mark.parametrize(("name", "folder", "fields"), [(name, *example) for name, example in EXAMPLES.items()])
def test_an_example_is_one_file_and_trains(tmp_path, name, folder, fields):
    code = ROOT / "docs/examples" / f"{name}.py"
    assert len(code.read_text().splitlines()) < 40
    program = tmp_path / "program"
    for part in ("flowconv", "configs"):
        shutil.copytree(ROOT / part, program / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "train.py", program)
    shutil.copy(code, program / "flowconv" / folder)
    flags = overrides(**fields | {"train.images": 320})
    result = subprocess.run(
        [sys.executable, "train.py", f"--workdir={tmp_path}/run", *flags],
        capture_output=True,
        text=True,
        cwd=program,
        env=environment(),
    )
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / "run" / "results.json").read_text())
    assert found["max_reconstruction_error"] < 0.05 and found["changed_pixels"] == 0
    assert found["test_bits_per_dim"] < 7.5
    assert folder != "evaluation/metrics" or name in found
    kept = (tmp_path / "run" / "config.json").read_text()
    assert all(json.dumps(value) in kept for value in fields.values())
