#!/usr/bin/env python
"""Runs what scripts/export_step.py wrote, on whatever device JAX has; needs jax and numpy, not TensorFlow nor flowconv.

Its flags and what it does: flowconv/cli/commands/run_exported_step.py, a file that can be copied and run elsewhere.
"""

import runpy
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "flowconv/cli/commands/run_exported_step.py"
globals().update(runpy.run_path(str(FILE), run_name=__name__))
