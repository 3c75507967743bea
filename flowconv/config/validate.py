"""The check of a config: each setting by itself, and the rules between settings."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from flowconv.config.fields import choices_with, flatten, refusal_to_invert, settings, settings_of_parts, sides
from flowconv.config.layer_list import SQUEEZE, layer_list, squeezes
from flowconv.config.parts import DEQUANTIZATIONS, MODELS, NETWORKS, PREPROCESSINGS, SINKS, Folder
from flowconv.config.schema import SETTINGS
from flowconv.errors import UserError
from flowconv.words import nearest


def validate(config: ConfigDict) -> None:
    """Checks every field that can be checked without data.

    Raises:
      UserError: naming the first field that is out of place, its value, and what would be right.
    """
    fields = dict(flatten(config))
    _check_names(fields)
    for name, setting in SETTINGS.items():
        setting.check(fields[name])
    _check_parts(fields)
    for rule in RULES:
        rule(fields)


def _check_names(fields: Mapping[str, Any]) -> None:
    """No field is unknown, and none is lacking."""
    known = settings()
    for name in fields:
        if name not in known:
            raise UserError(f"--config.{name}: there is no such field{nearest(name, known)}")
    for name in SETTINGS:
        if name not in fields:
            raise UserError(f"--config.{name}: the config lacks this field; start it from flowconv.config")


def _check_parts(fields: Mapping[str, Any]) -> None:
    """The file of a chosen part holds one, and what is set of a part is one of a chosen part."""
    for setting in SETTINGS.values():
        if isinstance(setting.choices, Folder) and (wrong := setting.choices.part(fields[setting.name]).problem):
            raise UserError(f"--config.{setting.name}={fields[setting.name]}: {wrong}")
    of_parts = settings_of_parts(fields)
    for name in fields.keys() - SETTINGS.keys():
        if name not in of_parts:
            right = " or ".join(choices_with(name))
            raise UserError(f"--config.{name}={fields[name]}: is used with {right} alone; leave it out")
        of_parts[name].check(fields[name])


def _check_size(fields: Mapping[str, Any]) -> None:
    size, levels = fields["data.image_size"], fields["model.levels"]
    if "levels" not in MODELS.part(fields["model.name"]).keywords:
        return
    power, but = "model.levels", ""
    if fields["model.name"] == "residual":  # whose first level has the images' own size
        levels, power, but = levels - 1, "(model.levels − 1)", " but the first"
    if any(side % 2**levels for side in sides(size)):
        raise UserError(
            f"--config.data.image_size={size}: must be divisible by 2^{power} = {2**levels}, "
            f"since each level{but} halves height and width"
        )


def _check_sinks(fields: Mapping[str, Any]) -> None:
    for name in fields["train.sinks"].split(","):
        if name and name not in SINKS:
            right = f"must be some of {', '.join(SINKS)}, with commas between"
            raise UserError(f"--config.train.sinks={fields['train.sinks']}: {right}{nearest(name, SINKS)}")


def _check_patches(fields: Mapping[str, Any]) -> None:
    if fields["data.patches"] and fields["data.name"] != "folder":
        raise UserError(f"--config.data.patches=True: must be False with data.name={fields['data.name']}")


def _check_kernel(fields: Mapping[str, Any]) -> None:
    kernel_size, convolution = fields["model.kernel_size"], fields["model.convolution"]
    if kernel_size % 2 == 0:
        raise UserError(f"--config.model.kernel_size={kernel_size}: must be odd, so that a window has a middle")
    height, width = (side // 2 ** fields["model.levels"] for side in sides(fields["data.image_size"]))
    if fields["model.name"] == "glow" and convolution == "periodic" and kernel_size // 2 > min(height, width):
        raise UserError(
            f"--config.model.kernel_size={kernel_size}: must be at most {2 * min(height, width) + 1} with "
            f"model.convolution=periodic, since the last level's images are {height}×{width}"
        )


def _check_depth(fields: Mapping[str, Any]) -> None:
    if fields["model.name"] == "realnvp" and fields["model.depth"] % 4:
        raise UserError(
            f"--config.model.depth={fields['model.depth']}: must be divisible by 4 with model.name=realnvp, "
            f"half of whose couplings have checkerboard masks, and these come in pairs"
        )


def _check_nice(fields: Mapping[str, Any]) -> None:
    if fields["model.name"] != "nice_original":
        return
    depth, size = fields["model.depth"], fields["data.image_size"]
    if depth % 2:
        raise UserError(f"--config.model.depth={depth}: must be even with model.name=nice_original")
    height, width = sides(size)
    if width % 2:
        raise UserError(
            f"--config.data.image_size={size}: must have an even width with model.name=nice_original, "
            f"whose couplings change every other number"
        )
    patch_size = _of_network(fields, "patch_size")
    if patch_size is not None and (height % patch_size or width // 2 % patch_size):
        raise UserError(
            f"--config.model.patch_size={patch_size}: must divide {height} and {width // 2} with "
            f"model.name=nice_original, the sides of half an image"
        )


def _check_heads(fields: Mapping[str, Any]) -> None:
    heads, width = _of_network(fields, "heads"), fields["model.width"]
    if heads and width % heads:
        raise UserError(
            f"--config.model.width={width}: must be divisible by model.heads = {heads}, "
            f"since a head has width/heads channels"
        )


def _check_patch_size(fields: Mapping[str, Any]) -> None:
    patch_size, unseen = _of_network(fields, "patch_size"), MODELS.part(fields["model.name"]).unseen_halvings
    if patch_size is None or unseen is None:
        return
    halvings = fields["model.levels"] - unseen
    height, width = (side // 2**halvings for side in sides(fields["data.image_size"]))
    if height % patch_size or width % patch_size:
        raise UserError(
            f"--config.model.patch_size={patch_size}: must divide the height and the width of every level's images, "
            f"here {height}×{width}"
        )


def _check_autoregressive(fields: Mapping[str, Any]) -> None:
    name, network, segments = fields["model.name"], fields["model.network"], fields["model.segments"]
    if network == "masked_convolution" and fields["model.kernel_size"] < 3:
        raise UserError(
            f"--config.model.kernel_size={fields['model.kernel_size']}: must be at least 3 with "
            f"model.network=masked_convolution, so that a pixel has neighbours"
        )
    if not MODELS.part(name).is_autoregressive:
        if segments > 1:
            raise UserError(f"--config.model.segments={segments}: must be 1 with model.name={name}, which has no order")
        return
    if not NETWORKS.part(network).is_autoregressive:
        right = " or ".join(each for each in NETWORKS if NETWORKS.part(each).is_autoregressive)
        raise UserError(
            f"--config.model.network={network}: must be {right} with model.name={name}, "
            f"since a pixel's parameters may depend on those before it alone"
        )
    height, width = sides(fields["data.image_size"])
    patch_size = _of_network(fields, "patch_size")
    if patch_size is None:
        if segments > 1:
            right = f"must be 1 with model.network={network}, which keeps nothing of a segment"
            raise UserError(f"--config.model.segments={segments}: {right}")
        return
    if height % patch_size or width % patch_size:
        raise UserError(
            f"--config.model.patch_size={patch_size}: must divide the height and the width of the images, "
            f"here {height}×{width}"
        )
    patches = height // patch_size * (width // patch_size)
    if patches % segments:
        raise UserError(f"--config.model.segments={segments}: must divide the {patches} patches of an image")


def _check_residual(fields: Mapping[str, Any]) -> None:
    network = fields["model.network"]
    if fields["model.name"] == "residual" and not NETWORKS.part(network).is_lipschitz:
        right = " or ".join(each for each in NETWORKS if NETWORKS.part(each).is_lipschitz)
        raise UserError(
            f"--config.model.network={network}: must be {right} with model.name=residual, "
            f"since x + g(x) can be inverted if g is a contraction"
        )


def _check_layers(fields: Mapping[str, Any]) -> None:
    if fields["model.name"] != "flowpp":
        return
    layers, size = _of_family(fields, "layers"), fields["data.image_size"]
    try:
        parts = layer_list(layers)
    except ValueError as error:
        raise UserError(f"--config.model.layers={layers}: {str(error).removeprefix('layers ')}") from None
    halvings = 2 ** squeezes(layers)
    if any(side % (2 * halvings) for side in sides(size)):
        raise UserError(
            f"--config.data.image_size={size}: must be divisible by {2 * halvings} with model.layers={layers}, "
            f"each squeeze of which halves height and width, and stripes halve the width"
        )
    patch_size = _of_network(fields, "patch_size")
    smallest = [side // (2 * halvings) for side in sides(size)]
    if patch_size is not None and any(side % patch_size for side in smallest):
        raise UserError(
            f"--config.model.patch_size={patch_size}: must divide {min(smallest)} with model.layers={layers}, "
            f"the width of the smallest images' halves"
        )
    if parts[0][0] == "channels" and fields["data.channels"] % 2:
        raise UserError(f"--config.model.layers={layers}: must begin with stripes or a squeeze: channels are odd")


def _check_squeeze(fields: Mapping[str, Any]) -> None:
    if fields["model.name"] != "jet":
        return
    squeeze, size, channels = _of_family(fields, "squeeze"), fields["data.image_size"], fields["data.channels"]
    if any(side % (2 * squeeze) for side in sides(size)):
        raise UserError(
            f"--config.data.image_size={size}: must be divisible by 2·model.squeeze = {2 * squeeze}, "
            f"since a token is a patch of {squeeze}×{squeeze} pixels, and stripes halve rows and columns of tokens"
        )
    if squeeze % 2 and channels % 2:
        raise UserError(
            f"--config.model.squeeze={squeeze}: must be even with data.channels={channels}, "
            f"since couplings halve the numbers of a token"
        )
    patch_size = _of_network(fields, "patch_size")
    if patch_size is not None and any(side // squeeze % patch_size for side in sides(size)):
        height, width = (side // squeeze for side in sides(size))
        raise UserError(
            f"--config.model.patch_size={patch_size}: must divide the rows and the columns of tokens with "
            f"model.name=jet, here {height}×{width}; 1 is Jet's own"
        )


def _check_noise(fields: Mapping[str, Any]) -> None:
    dequantization, preprocessing = fields["model.dequantization"], fields["model.preprocessing"]
    if dequantization == "gaussian" and preprocessing == "logit":
        right = ", ".join(each for each in PREPROCESSINGS if each != "logit")
        raise UserError(
            f"--config.model.preprocessing=logit: must be one of {right} with model.dequantization=gaussian, "
            f"whose noise has no end"
        )


def _check_dequantizer(fields: Mapping[str, Any]) -> None:
    own = DEQUANTIZATIONS.part(fields["model.dequantization"]).settings("model")
    values = {name: fields.get(name, setting.default) for name, setting in own.items()}
    for name, setting in NETWORKS.part(fields["model.network"]).settings("model").items():
        of_dequantizer = name.replace("model.", "model.dequantizer_")
        if of_dequantizer in values:  # its own networks are as those of the model
            dataclasses.replace(setting, name=of_dequantizer).check(values[of_dequantizer])
    pairs = {"model.context_heads": "model.context_width"}
    if _of_network(fields, "heads") is not None:
        pairs["model.dequantizer_heads"] = "model.dequantizer_width"
    for heads, width in pairs.items():
        number = values.get(heads, 0)
        if number and values[width] % number:
            raise UserError(
                f"--config.{width}={values[width]}: must be divisible by {heads} = {number}, "
                f"since each head has an equal part of the channels"
            )
    if not any(name.startswith("model.dequantizer_") for name in own):  # it has no flow of its own
        return
    if sides(fields["data.image_size"])[1] % 2:
        raise UserError(
            f"--config.data.image_size={fields['data.image_size']}: must have an even width with "
            f"model.dequantization={fields['model.dequantization']}, whose couplings change every other column"
        )
    patch_size = _of_network(fields, "patch_size")
    halves = [side // 2 for side in sides(fields["data.image_size"])]
    if patch_size is not None and any(side % patch_size for side in halves):
        raise UserError(
            f"--config.model.patch_size={patch_size}: must divide half of data.image_size = "
            f"{fields['data.image_size']} with model.dequantization={fields['model.dequantization']}"
        )


def _of_family(fields: Mapping[str, Any], setting: str) -> Any:
    """The value of a setting of the chosen family."""
    name = f"model.{setting}"
    return fields.get(name, MODELS.part(fields["model.name"]).settings("model")[name].default)


def _of_network(fields: Mapping[str, Any], setting: str) -> Any:
    """The value of a setting of the chosen network; None if it has no such one."""
    name = f"model.{setting}"
    own = NETWORKS.part(fields["model.network"]).settings("model")
    return fields.get(name, own[name].default) if name in own else None


def _check_backward(fields: Mapping[str, Any]) -> None:
    if fields["model.backward"] == "invert" and (right := refusal_to_invert(fields)):
        raise UserError(f"--config.model.backward=invert: {right}")


def _check_condition(fields: Mapping[str, Any]) -> None:
    if fields["model.condition"] != "low_resolution":
        return
    size = fields["data.image_size"]
    if any(side % 4 for side in sides(size)):
        raise UserError(
            f"--config.data.image_size={size}: must be divisible by 4 with model.condition=low_resolution, "
            f"whose small images have a quarter of the height and width"
        )
    squeeze = _first_squeeze(fields)
    # Tokens and pixels of the small image are blocks of the image's pixels: a whole number of one makes the other.
    for name, token, whole in (
        ("squeeze", squeeze, 4),
        ("patch_size", _of_network(fields, "patch_size") or 1, 4 // math.gcd(4, squeeze)),
    ):
        if token % whole and whole % token:
            raise UserError(
                f"--config.model.{name}={token}: must divide {whole} or be divisible by it with "
                f"model.condition=low_resolution, a pixel of whose small images stands for 4×4"
            )


def _first_squeeze(fields: Mapping[str, Any]) -> int:
    """The side of the blocks of pixels that are channels where a family's first coupling sees them."""
    name = fields["model.name"]
    if name == "jet":
        return _of_family(fields, "squeeze")
    if name == "flowpp":
        return 2 if layer_list(_of_family(fields, "layers"))[0][0] == SQUEEZE else 1
    return 2 if MODELS.part(name).unseen_halvings == 0 else 1  # each level begins with a halving, or ends with it


RULES = (
    _check_size,
    _check_patches,
    _check_kernel,
    _check_depth,
    _check_nice,
    _check_heads,
    _check_patch_size,
    _check_autoregressive,
    _check_residual,
    _check_layers,
    _check_sinks,
    _check_squeeze,
    _check_noise,
    _check_dequantizer,
    _check_backward,
    _check_condition,
)
