#!/usr/bin/env python
"""Draws samples from a trained flow: a grid for each temperature, or single files.

Its flags and what it does: flowconv/cli/commands/sample.py.
"""

try:
    from flowconv.cli.commands.sample import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
