#!/usr/bin/env python
"""Gives images more or less of an attribute: adds the direction z_pos − z_neg to their latents.

Its flags and what it does: flowconv/cli/commands/manipulate.py.
"""

try:
    from flowconv.cli.commands.manipulate import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
