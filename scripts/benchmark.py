#!/usr/bin/env python
"""Measures what training and sampling cost, against the convolutions alone and against other programs.

Its flags and what it does: benchmarks/commands/benchmark.py.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # benchmarks/ is not installed
try:
    from benchmarks.commands.benchmark import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
