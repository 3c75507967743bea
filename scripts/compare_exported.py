#!/usr/bin/env python
"""Puts models side by side that scripts/run_exported_step.py has trained, where there was no TensorFlow.

Its flags and what it does: experiments/commands/compare_exported.py.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/ is not installed
try:
    from experiments.commands.compare_exported import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
