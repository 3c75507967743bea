"""From names to objects: the only place where the settings of a model become its parts."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from ml_collections import ConfigDict

from flowconv import networks, surjections
from flowconv.bijectors import Bijector, Coupling, Gaussian, Mask, Split, Transform, convolutions, elementwise, pixels
from flowconv.config import SETTINGS, nearest
from flowconv.core import arguments
from flowconv.core.dequantization import Dequantization
from flowconv.core.network import Network
from flowconv.core.parts import build_part, keywords_in
from flowconv.models.flow import Flow
from flowconv.networks.convolution import ConvolutionNetwork

FLOW_DTYPES = {"float32": "float32", "float64": "float64", "bfloat16": "float32"}
NETWORK_DTYPES = {"float32": "float32", "float64": "float64", "bfloat16": "mixed_bfloat16"}
FOLDERS = {
    convolutions: Bijector,
    elementwise: Transform,
    networks: Network,
    pixels: Bijector,
    surjections: Dequantization,
}
DEFAULTS = {
    "width": 512,
    "convolution": "shift",
    "kernel_size": 3,
    "shift": "channel",
    "parameterization": "plu",
    "coupling": "affine",
    "network": "glow",
    "prior": "standard",
    "preprocessing": "logit",
    "dequantization": "uniform",
    "n_bits": 8,
    "precision": "float32",
}


class Parts:
    """The parts of a model, made anew at each call, by the settings of `config.model`.

    Args:
      settings: those that differ from `DEFAULTS`, and keywords of the parts' own constructors.

    Raises:
      ValueError: for a setting that no part has, or a value that is none.
    """

    def __init__(self, **settings: Any):
        known = dict.fromkeys([*DEFAULTS, *sorted(set().union(*map(keywords_in, FOLDERS, FOLDERS.values())))])
        for name in settings:
            if name not in known:
                raise ValueError(f"a model has no setting {name}{nearest(name, known)}")
        self.settings = DEFAULTS | settings
        self.dtype = arguments.choice(FLOW_DTYPES, self.settings["precision"], "precision")
        self._network_dtype = NETWORK_DTYPES[self.settings["precision"]]

    def preprocessing(self) -> Bijector:
        """Returns the map of pixels."""
        return self._build(pixels, "preprocessing", dtype=self.dtype)

    def dequantization(self) -> Dequantization:
        """Returns the dequantization."""
        return self._build(surjections, "dequantization", dtype=self.dtype)

    def convolution(self) -> Bijector:
        """Returns the convolution of a step."""
        return self._build(convolutions, "convolution", dtype=self.dtype, name="convolution")

    def coupling(
        self, mask: Mask | None = None, transform: Transform | None = None, name: str = "coupling"
    ) -> Coupling:
        """Returns a coupling, whose network computes in the model's precision."""
        transform = transform or self._build(elementwise, "coupling")
        return Coupling(transform, self.network(), mask, dtype=self.dtype, name=name)

    def network(self) -> Network:
        """Returns the network of a coupling."""
        return self._build(networks, "network", dtype=self._network_dtype, name="network")

    def split(self, name: str) -> Split:
        """Returns a split."""
        prior = arguments.choice({"standard": False, "learned": True}, self.settings["prior"], "prior")
        if not prior:
            return Split(dtype=self.dtype, name=name)
        return Split(Gaussian(), ConvolutionNetwork(dtype=self.dtype, name="prior"), dtype=self.dtype, name=name)

    @property
    def has_learned_prior(self) -> bool:
        """Whether the latents' means and deviations are learned."""
        return self.settings["prior"] == "learned"

    def _build(self, folder, setting, **kwargs):
        """A part by the name that its setting has."""
        base = FOLDERS[folder]
        own = keywords_in(folder, base) & self.settings.keys()
        fields = {name: self.settings[name] for name in own}
        return build_part(folder, self.settings[setting], base, setting, fields, tuple(own), **kwargs)


def build_model(name: str, image_shape: tuple[int, int, int], **settings: Any) -> Flow:
    """Returns the flow of the family in the file `name` of this folder; its weights are those of construction.

    Args:
      name: as "glow".
      image_shape: (H, W, C).
      settings: the family's own, as `depth`, and those of `Parts`.

    Raises:
      ValueError: for a setting that nothing has, or a value that is none.

    Example:
      >>> from flowconv.models import build_model
      >>> flow = build_model("glow", (8, 8, 3), levels=1, depth=2, width=8, convolution="emerging")
      >>> flow.reset_weights(seed=0)[0].shape
      TensorShape([2, 3, 3, 7, 8])
    """
    names = SETTINGS["model.name"].names
    if name not in names:
        raise ValueError(f"a model's name must be one of {', '.join(names)}, got {name!r}{nearest(name, names)}")
    make = getattr(importlib.import_module(f"{__package__}.{name}"), name)
    own = {field for field in inspect.signature(make).parameters if field not in ("image_shape", "parts")}
    parts = Parts(**{field: value for field, value in settings.items() if field not in own})
    return make(image_shape, parts, **{field: value for field, value in settings.items() if field in own})


def build_flow(config: ConfigDict, seed: int | None = None, reset: bool = True) -> Flow:
    """Returns the flow that `config.model` and `config.data` describe.

    Args:
      config: a config; the same one gives the same weights.
      seed: of the weights (default: `config.seed`).
      reset: whether the weights are drawn. Without, they are zero, or the identity: `Flow.reset_weights`,
        `Flow.initialize` or a checkpoint sets them.

    Returns:
      A built flow. Its data-dependent layers wait for `Flow.initialize`.
    """
    size = config.data.image_size
    settings = {field: value for field, value in config.model.items() if field != "name"}
    flow = build_model(config.model.name, (size, size, 3), n_bits=config.data.n_bits, **settings)
    if reset:
        flow.reset_weights(config.seed if seed is None else seed)
    return flow
