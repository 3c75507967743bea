"""Variants by name. Nothing here imports TensorFlow."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ml_collections import ConfigDict

from flowconv.cli import config_flags
from flowconv.config import SETTINGS, drop_unused, nearest, settings, validate
from flowconv.errors import UserError

MODELS = tuple(name for name in SETTINGS["model.name"].names if name != "glow")
DEFAULT = ("realnvp", "conv1x1", "emerging", "periodic", "shift", "rolled_shift")
CONVOLUTIONS = SETTINGS["model.convolution"].names


def variant_configs(
    config: ConfigDict, variants: Iterable[str] | Mapping[str, str], seeds: int
) -> dict[tuple[str, int], ConfigDict]:
    """Returns the config of each run by (variant, seed): all variants with the first seed, then with the next one.

    Args:
      config: what the variants have in common; its seed is the first.
      variants: as `variant_config` takes them, or these by names of their own, as `read_sweep` has them.
      seeds: how many.

    Raises:
      UserError: if there is no variant, or one that can't be.
    """
    named = variants if isinstance(variants, Mapping) else {variant: variant for variant in variants}
    if not named:
        raise UserError("--variants is empty: name at least one")
    validate(config)
    return {
        (name, seed): variant_config(config, variant, seed)
        for seed in range(config.seed, config.seed + seeds)
        for name, variant in named.items()
    }


def read_sweep(path: str | os.PathLike) -> dict[str, str]:
    """Returns the variants that a file lists, one a line, by their names; what follows a # is a comment.

    A line is a variant, which is its own name, or "name = variant".

    Raises:
      UserError: if it can't be read, or lists none, or two whose names have the same folder.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"--sweep={path}: can't be read ({error})") from error
    listed: dict[str, str] = {}
    folders: dict[str, str] = {}  # of runs, which two names may share
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        name, _, variant = line.rpartition(" = ")
        name = name.strip() or variant
        other = folders.setdefault(folder_name(name, 0), name)
        if name in listed or other != name:
            raise UserError(f"--sweep={path}: lists {name} twice" + (f", as {other}" if other != name else ""))
        listed[name] = variant.strip()
    if not listed:
        raise UserError(f"--sweep={path}: lists no variant: write one a line, as shift:parameterization=qr")
    return listed


def of_flags(
    config: ConfigDict, variants: Iterable[str] | None, sweep: str | None, seeds: int
) -> dict[tuple[str, int], ConfigDict]:
    """Returns `variant_configs` of --variants, or of the file of --sweep, or of those that are compared by default.

    Raises:
      UserError: as these, naming the flag; if both are given.
    """
    if sweep is None:
        return variant_configs(config, variants or DEFAULT, seeds)
    if variants:
        raise UserError(f"--sweep={sweep}: takes the place of --variants={','.join(variants)}; give one of them")
    listed = read_sweep(sweep)
    try:
        return variant_configs(config, listed, seeds)
    except UserError as error:
        raise UserError(str(error).replace("--variants=", f"--sweep={sweep}: ")) from error


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
    return f"{_plain(variant)}-seed-{seed}"


def trial_name(variant: str, factor: float) -> str:
    """Returns the name of the folder of a trial with a factor on the learning rate."""
    return f"{_plain(variant)}-times-{_plain(f'{factor:g}')}"


def _plain(text):
    """A text without what a folder's name had better not have."""
    return re.sub("[^a-z0-9_]+", "-", text.lower())
