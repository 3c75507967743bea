"""The fields of a config: the default ones, those of a saved one, and the ones by which models are told apart."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from flowconv.config.parts import MODELS, Folder, Part
from flowconv.config.schema import ARCHITECTURE, SETTINGS
from flowconv.config.setting import KINDS, Setting
from flowconv.errors import UserError


def default_config() -> ConfigDict:
    """Returns the common base of all experiments: Truong et al. 2021, section 5.1, on 32×32 images."""
    config = ConfigDict()
    for name, setting in SETTINGS.items():
        group, _, field = name.rpartition(".")
        if group and group not in config:
            config[group] = ConfigDict()
        (config[group] if group else config)[field] = setting.default
    return config


def flatten(config: ConfigDict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields ("model.depth", 32), … for every field."""
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def settings() -> dict[str, Setting]:
    """Returns all settings there are by name, in the order of their groups: the schema's, and those of parts alone.

    Raises:
      UserError: if two parts mean values of different kinds by one name.
    """
    found, own = dict(SETTINGS), list(_settings_by_part())
    for _, part, settings_of_part in own:
        for name, setting in settings_of_part.items():
            users = _users(name, own)
            first = found.setdefault(name, dataclasses.replace(setting, help=f"of {', '.join(users)}: {setting.help}"))
            if first.kind is not setting.kind:
                right = f"must be {KINDS[first.kind][1]}, as with {users[0]}, or have another name"
                raise UserError(f"{part.path}: its {name.rpartition('.')[2]} {right}")
    groups = list(dict.fromkeys(name.rpartition(".")[0] for name in SETTINGS))
    return dict(sorted(found.items(), key=lambda item: groups.index(item[0].rpartition(".")[0])))


def settings_of_parts(fields: Mapping[str, Any]) -> dict[str, Setting]:
    """Returns the settings that are not the schema's, but those of the parts that these fields choose."""
    found: dict[str, Setting] = {}
    for chooser, folder in _choosers():
        if fields.get(chooser.name) in chooser.names:
            found |= _own_settings(chooser, folder.part(fields[chooser.name]))
    return found


def choices_with(name: str) -> list[str]:
    """Returns "model.network=resnet", … for all parts that have a setting which is not the schema's."""
    return _users(name, _settings_by_part())


def _users(name, settings_by_part):
    return [f"{chooser.name}={part.name}" for chooser, part, own in settings_by_part if name in own]


def _settings_by_part() -> Iterator[tuple[Setting, Part, dict[str, Setting]]]:
    """Each part, the setting that chooses it, and its own settings."""
    for chooser, folder in _choosers():
        for part in map(folder.part, chooser.names):
            yield chooser, part, _own_settings(chooser, part)


def _choosers() -> list[tuple[Setting, Folder]]:
    """The settings whose choices are the parts in a folder, with it."""
    return [(setting, setting.choices) for setting in SETTINGS.values() if isinstance(setting.choices, Folder)]


def _own_settings(chooser: Setting, part: Part) -> dict[str, Setting]:
    """The settings that a part has beside those of the schema."""
    found = part.settings(chooser.name.rpartition(".")[0], chooser.architecture)
    return {name: setting for name, setting in found.items() if name not in SETTINGS}


def changed(config: ConfigDict, values: Mapping[str, Any]) -> ConfigDict:
    """Returns a config with these values by name, of which nothing has been checked.

    Args:
      config: is changed itself. A field of the schema that it lacks isn't added: `validate` tells of it.
      values: of fields, and of settings of parts.

    Raises:
      UserError: for a number that is too large to be kept.
    """
    there = dict(flatten(config))
    with config.ignore_type(), config.unlocked():
        for name, value in values.items():
            if name in there or (name not in SETTINGS and name.rpartition(".")[0] in config):
                try:
                    config.update_from_flattened_dict({name: value})
                except OverflowError as error:  # of a whole number where one with a fraction is to be
                    raise UserError(f"--config.{name}: is too large a number") from error
    return config


def backward_of(fields: Mapping[str, Any]) -> str:
    """Returns how depth is differentiated: what `model.backward` says, or of "auto" the way that is safe.

    Inverting keeps nothing, and is the way wherever it is as exact as the others.

    Args:
      fields: by their names; those that are missing have the default.
    """
    chosen = fields.get("model.backward", SETTINGS["model.backward"].default)
    if chosen != "auto":
        return chosen
    return "recompute" if refusal_to_invert(fields) else "invert"


def refusal_to_invert(fields: Mapping[str, Any]) -> str:
    """Returns what `model.backward` must be, and why, if a part that these fields choose can't be trained by inverting.

    Args:
      fields: as of `backward_of`.

    Returns:
      The sentence; "" if nothing speaks against it.
    """
    name = fields.get("model.name", SETTINGS["model.name"].default)
    if name in MODELS and (reason := MODELS.part(name).slow_inverse):
        return f"must be auto, recompute or store with model.name={name}, {reason}"
    if fields.get("model.precision") == "float64":
        return ""
    for chooser, folder in _choosers():
        chosen = fields.get(chooser.name, chooser.default)
        if chosen in folder and (reason := folder.part(chosen).unsafe_inverse):
            right = "must be auto, recompute or store"
            return f"{right} with {chooser.name}={chosen}, unless model.precision=float64: in float32 {reason}"
    return ""


def drop_unused(config: ConfigDict, kept: Iterable[str] = ()) -> None:
    """Takes settings out of a config that none of its parts has any more, but for those that are kept."""
    fields = dict(flatten(config))
    for name in fields.keys() - {*SETTINGS, *settings_of_parts(fields), *kept}:
        group, _, field = name.rpartition(".")
        del (config[group] if group else config)[field]


def restored(saved: Mapping[str, Any]) -> ConfigDict:
    """Returns the config of saved fields; what another version had or lacked beside those of a model doesn't count.

    Raises:
      UserError: if a field is missing without which it is any model.
    """
    for name in ARCHITECTURE:
        if name not in saved and SETTINGS[name].since == "0.1":
            raise UserError(f"--config.{name}: is missing")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()}
    known = {**SETTINGS, **settings_of_parts(saved)}
    return changed(default_config(), {name: value for name, value in values.items() if name in known})


def differences(saved: ConfigDict, config: ConfigDict) -> list[str]:
    """Returns "train.batch_size is 64 now, was 32", … for all fields that differ."""
    before, now = dict(flatten(saved)), dict(flatten(config))
    if backward_of(before) == backward_of(now):
        before["model.backward"] = now["model.backward"]
    return [
        f"{name} is {value} now, was {before[name]}"
        for name, value in now.items()
        if name in before and before[name] != value
    ]


def images_per_rank(config: ConfigDict) -> int:
    """Returns the images that a rank takes in a step: a batch for each of its backward passes."""
    return config.train.batch_size * config.distributed.backward_passes_per_step


def image_shape(data_config: ConfigDict) -> tuple[int, int, int]:
    """Returns the (height, width, channels) of the images that `config.data` describes."""
    return *sides(data_config.image_size), data_config.channels


def sides(image_size: int | Sequence[int]) -> tuple[int, int]:
    """Returns the (height, width) of images of such a `data.image_size`."""
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    return height, width


def architecture(config: ConfigDict) -> dict[str, Any]:
    """Returns, by their names, the fields by which a model is told from another, and its precision."""
    fields = _with_defaults(dict(flatten(config)))
    of_parts = [name for name, setting in settings_of_parts(fields).items() if setting.architecture]
    return {name: fields[name] for name in (*ARCHITECTURE, *of_parts, "model.precision")}


def differing_architecture(there: Mapping[str, Any], here: Mapping[str, Any], precision: bool = True) -> list[str]:
    """Returns "model.depth is 8 there and 16 here", … for fields in which a saved model is another.

    Args:
      there: fields by their names; those of the schema that it lacks are not compared.
      here: of the model that is wanted, at least those of `architecture`.
      precision: whether float64 in the place of another one, or the reverse, counts.
    """
    here, there = _with_defaults(here), _with_defaults(there)
    names = [*ARCHITECTURE, *(name for name, setting in settings_of_parts(here).items() if setting.architecture)]
    if precision and "float64" in (here["model.precision"], there.get("model.precision")):
        names.append("model.precision")
    return [
        f"{name} is {there[name]} there and {here[name]} here"
        for name in names
        if name in there and there[name] != here[name]
    ]


def with_parts(config: ConfigDict) -> dict[str, Any]:
    """Returns all fields of a config by name, also the settings of its parts that were not given."""
    fields = dict(flatten(config))
    return fields | {name: each.default for name, each in settings_of_parts(fields).items() if name not in fields}


def _with_defaults(fields):
    """Fields with those of their parts that were not given, and those that version 0.1 had no choice of."""
    later = {name: SETTINGS[name].default for name in ARCHITECTURE if SETTINGS[name].since != "0.1"}
    # A file has lists where a config has tuples.
    fields = later | {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return {name: setting.default for name, setting in settings_of_parts(fields).items()} | fields


def sinks_of(config: ConfigDict) -> tuple[str, ...]:
    """Returns the names of the sinks that show a run, each once."""
    return tuple(dict.fromkeys(name for name in config.train.sinks.split(",") if name))
