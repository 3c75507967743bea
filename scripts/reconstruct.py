#!/usr/bin/env python
"""Shows images, what comes back of them from their latents, and the error, magnified (the paper's figure 1).

Its flags and what it does: flowconv/cli/commands/reconstruct.py.
"""

try:
    from flowconv.cli.commands.reconstruct import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
