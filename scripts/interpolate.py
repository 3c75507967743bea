#!/usr/bin/env python
"""Walks between images in the space of their latents.

Its flags and what it does: flowconv/cli/commands/interpolate.py.
"""

try:
    from flowconv.cli.commands.interpolate import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
