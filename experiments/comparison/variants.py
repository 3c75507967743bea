"""Variants by name. Nothing here imports TensorFlow."""

import re
from collections.abc import Sequence

from ml_collections import ConfigDict

from flowconv.cli import config_flags
from flowconv.config import SETTINGS, drop_unused, nearest, settings, validate
from flowconv.errors import UserError

MODELS = tuple(name for name in SETTINGS["model.name"].names if name != "glow")
CONVOLUTIONS = SETTINGS["model.convolution"].names


def variant_configs(config: ConfigDict, variants: Sequence[str], seeds: int) -> dict[tuple[str, int], ConfigDict]:
    """Returns the config of each run by (variant, seed): all variants with the first seed, then with the next one.

    Args:
      config: what the variants have in common; its seed is the first.
      variants: as `variant_config` takes them.
      seeds: how many.

    Raises:
      UserError: if there is no variant, or one that can't be.
    """
    if not variants:
        raise UserError("--variants is empty: name at least one")
    validate(config)
    return {
        (variant, seed): variant_config(config, variant, seed)
        for seed in range(config.seed, config.seed + seeds)
        for variant in dict.fromkeys(variants)
    }


def variant_config(config: ConfigDict, variant: str, seed: int) -> ConfigDict:
    """Returns the config of a variant: "periodic" is a Glow with that convolution, "realnvp" the model.

    Further fields of config.model follow after colons: "emerging:kernel_size=5", "shift:parameterization=orthogonal".

    Raises:
      UserError: if there is no such variant, or if the config is refused with it.
    """
    name, *fields = variant.split(":")
    config = ConfigDict(config.to_dict())
    config.seed = seed
    if name in MODELS:
        config.model.name = name
    elif name in CONVOLUTIONS:
        config.model.name, config.model.convolution = "glow", name
    else:
        known = (*MODELS, *CONVOLUTIONS)
        near = nearest(name, known)
        raise UserError(f"--variants={variant}: must be one of {', '.join(known)}{near}")
    known = {name.removeprefix("model."): each for name, each in settings().items() if name.startswith("model.")}
    for field in fields:
        key, _, value = field.partition("=")
        if key not in known:
            raise UserError(f"--variants={variant}: config.model has no field {key}{nearest(key, known)}")
        try:
            config.model[key] = config_flags.flag_of(known[key]).parser.parse(value)
        except ValueError:
            raise UserError(f"--variants={variant}: {key} can't be {value!r}") from None
    given = [f"model.{field.partition('=')[0]}" for field in fields]
    drop_unused(config, kept=given)  # what the base sets of parts that this variant has not
    try:
        validate(config)
    except UserError as error:
        raise UserError(f"--variants={variant}: {error}") from error
    return config


def folder_name(variant: str, seed: int) -> str:
    """Returns the name of the folder of a variant's run."""
    return f"{re.sub('[^a-z0-9_]+', '-', variant.lower())}-seed-{seed}"
