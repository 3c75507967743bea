"""The environment of the programs on PyTorch: outside .venv, made once."""

import os
import subprocess
import sys
from pathlib import Path

from flowconv.errors import UserError

# From the package index that pip is configured for. The default index has PyTorch with CUDA, which takes 5 GB and
# computes the same on CPUs; PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS may name a place with smaller ones.
PINS = ("torch==2.13.0", "normflows==1.7.3", "nflows==0.14", "FrEIA==0.2", "numpy==2.4.6")
DEFAULT_FOLDER = Path.home() / ".cache" / "flowconv" / "peers"


def prepare(folder: Path) -> str:
    """Returns the path of a Python that has the pinned packages, installing them into `folder` unless that was done.

    Raises:
      UserError: naming the folder and what pip ended with.
    """
    python, complete = folder / "bin" / "python", folder / "complete"
    if complete.exists() and complete.read_text(encoding="utf-8").split() == list(PINS):
        return str(python)
    print(f"setting up {folder} with {', '.join(PINS)} (some minutes)", flush=True)
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    environment.pop("PYTHONPATH", None)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", *PINS],
    ):
        result = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)
        if result.returncode:
            lines = (result.stderr or result.stdout).strip().splitlines()
            raise UserError(f"--peers_environment={folder}: can't be set up: {lines[-1] if lines else command}")
    complete.write_text("\n".join(PINS), encoding="utf-8")
    return str(python)
