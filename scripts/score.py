#!/usr/bin/env python
"""Scores images: bits/dim of each, and how far each is from the typical image of the run's data.

Its flags and what it does: flowconv/cli/commands/score.py.
"""

try:
    from flowconv.cli.commands.score import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
