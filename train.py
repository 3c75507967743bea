#!/usr/bin/env python
"""Trains an invertible-convolution flow (Glow of L levels × K steps) and evaluates it.

Its flags and what it does: flowconv/cli/commands/train.py.
"""

try:
    from flowconv.cli.commands.train import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
