"""`flowconv.config` by its name of version 0.1, for users' own config files."""

from flowconv.config import *  # noqa: F403
from flowconv.config import SETTINGS, settings
from flowconv.config.setting import KINDS as KINDS

# For the command line, until it is flowconv/cli/.
CHOICES = {name: setting.names for name, setting in SETTINGS.items() if setting.names}


def explanations() -> dict[str, str]:
    """Returns the explanation of each setting by its name."""
    return {name: setting.explanation for name, setting in settings().items()}
