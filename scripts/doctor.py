#!/usr/bin/env python
"""Looks at everything that a run needs, on every rank, and prints what it found, with a cure for what is missing.

Its flags and what it does: flowconv/cli/commands/doctor.py.
"""

try:
    from flowconv.cli.commands.doctor import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
