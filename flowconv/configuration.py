"""`flowconv.config` by its name of version 0.1, for users' own config files."""

from flowconv.config import *  # noqa: F403
