"""The example of docs/tutorials/write_a_bijector.md: a file dropped in is a variant, and nothing else changes."""

import json
import re
import shutil
import subprocess
import sys

from tests.runs import ROOT, environment, overrides


def test_the_example_trains_as_a_variant(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/tutorials/write_a_bijector.md").read_text(), re.DOTALL)
    assert len(code.splitlines()) < 40
    program = tmp_path / "program"
    for name in ("flowconv", "configs"):
        shutil.copytree(ROOT / name, program / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "train.py", program)
    (program / "flowconv/bijectors/convolutions/rotations.py").write_text(code)
    flags = overrides(**{"model.convolution": "rotations", "train.images": 320})
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
