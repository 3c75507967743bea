#!/usr/bin/env python
"""Writes a model's training step as XLA programs, which scripts/run_exported_step.py runs without TensorFlow.

Its flags and what it does: flowconv/cli/commands/export_step.py.
"""

try:
    from flowconv.cli.commands.export_step import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
