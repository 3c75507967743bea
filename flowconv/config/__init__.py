"""The config of an experiment: `schema` declares every setting, and all else comes from there.

Nothing here imports TensorFlow.
"""

from flowconv.config.fields import (
    architecture,
    backward_of,
    changed,
    default_config,
    differences,
    differing_architecture,
    drop_unused,
    flatten,
    image_shape,
    images_per_rank,
    refusal_to_invert,
    restored,
    settings,
    sinks_of,
    with_parts,
)
from flowconv.config.schema import ARCHITECTURE, SETTINGS
from flowconv.config.setting import Setting
from flowconv.config.validate import validate
from flowconv.words import nearest

__all__ = [
    "ARCHITECTURE",
    "SETTINGS",
    "Setting",
    "architecture",
    "backward_of",
    "changed",
    "default_config",
    "differences",
    "differing_architecture",
    "drop_unused",
    "flatten",
    "image_shape",
    "images_per_rank",
    "nearest",
    "refusal_to_invert",
    "restored",
    "settings",
    "sinks_of",
    "validate",
    "with_parts",
]
