#!/usr/bin/env python
"""Writes a run as one HTML file, with everything in it: results, curves, samples, reconstructions, health, config.

Its flags and what it does: flowconv/cli/commands/report.py.
"""

try:
    from flowconv.cli.commands.report import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
