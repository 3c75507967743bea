#!/usr/bin/env python
"""Writes a trained flow as a SavedModel, which TensorFlow loads and runs without this package.

Its flags and what it does: flowconv/cli/commands/export.py.
"""

try:
    from flowconv.cli.commands.export import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
