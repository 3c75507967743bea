"""The base of a user's own config file by its name of version 0.1."""

from flowconv.config import default_config

__all__ = ["default_config"]
