#!/usr/bin/env python
"""Evaluates a finished run on its test split: bits/dim and reconstruction error, each image once; draws its pictures.

Its flags and what it does: flowconv/cli/commands/evaluate.py.
"""

try:
    from flowconv.cli.commands.evaluate import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
