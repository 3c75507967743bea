"""From names to objects: the only place where the settings of a model become its parts."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, cast

from ml_collections import ConfigDict

from flowconv.bijectors import (
    Autoregressive,
    Bijector,
    Conditional,
    Coupling,
    Gaussian,
    Mask,
    Repeated,
    Split,
    Transform,
)
from flowconv.config import SETTINGS, backward_of, image_shape, nearest, refusal_to_invert
from flowconv.config import parts as folders
from flowconv.config.parts import Folder
from flowconv.core import arguments
from flowconv.core.autoregressive_network import AutoregressiveNetwork
from flowconv.core.condition import Condition
from flowconv.core.dequantization import Dequantization
from flowconv.core.network import Network
from flowconv.models.flow import Flow
from flowconv.networks.convolution import ConvolutionNetwork
from flowconv.ops.scan import Backward

FLOW_DTYPES = {"float32": "float32", "float64": "float64", "bfloat16": "float32"}
NETWORK_DTYPES = {"float32": "float32", "float64": "float64", "bfloat16": "mixed_bfloat16"}
PRIORS = {"standard": False, "learned": True}
DEFAULTS = {
    name.rpartition(".")[2]: setting.default
    for name, setting in SETTINGS.items()
    if name.startswith("model.") or name == "data.n_bits"
}


class Parts:
    """The parts of a model, made anew at each call, by the settings of `config.model`.

    Args:
      settings: those that differ from `DEFAULTS`, and keywords of the parts' own constructors.

    Attributes:
      settings: all of them.
      dtype: of all layers but the networks.
      network_dtype: of these.
      has_learned_prior: whether the latents' means and deviations are learned.
      condition: of the flow, which its couplings' networks and learned priors see; None if it is unconditional.
      backward: how depth is differentiated.

    Raises:
      ValueError: for a setting that no part has, or a value that is none.

    Example:
      >>> from flowconv.models import Parts
      >>> parts = Parts(convolution="emerging", kernel_size=5)
      >>> type(parts.convolution()).__name__, type(parts.coupling()).__name__
      ('EmergingConvolution', 'Coupling')
    """

    def __init__(self, **settings: Any):
        known = dict.fromkeys([*DEFAULTS, *folders.keywords()])
        for name in settings:
            if name not in known:
                raise ValueError(f"a model has no setting {name}{nearest(name, known)}")
        self.settings = DEFAULTS | settings
        self._of_parts = {name: self.settings[name] for name in folders.keywords() if name in self.settings}
        self.dtype = arguments.choice(FLOW_DTYPES, self.settings["precision"], "precision")
        self.network_dtype = NETWORK_DTYPES[self.settings["precision"]]
        self.has_learned_prior: bool = arguments.choice(PRIORS, self.settings["prior"], "prior")
        conditional = self.settings["condition"] != "none"
        self.condition: Condition | None = self._build(folders.CONDITIONS, "condition") if conditional else None
        fields = {f"model.{name}": value for name, value in self.settings.items()}
        if self.settings["backward"] == "invert" and (right := refusal_to_invert(fields)):
            raise ValueError(f"backward='invert': {right}".replace("model.", ""))
        self.backward = cast(Backward, backward_of(fields))

    def preprocessing(self) -> Bijector:
        """Returns the map of pixels."""
        return self._build(folders.PREPROCESSINGS, "preprocessing", dtype=self.dtype)

    def dequantization(self) -> Dequantization:
        """Returns the dequantization; one that is a flow has the couplings' transform and network."""
        settings = self._of_parts | {
            "coupling": self._with_settings(folders.TRANSFORMS, "coupling"),
            "network": self._with_settings(folders.NETWORKS, "network"),
            "network_dtype": self.network_dtype,
            "backward": self.backward,
        }
        # A name of its own, or Keras would number them within a process: checkpoints are found by names.
        name = self.settings["dequantization"]
        made = folders.DEQUANTIZATIONS.make(name, settings, dtype=self.dtype, name="dequantization")
        if made.leaves_cells and self.settings["preprocessing"] == "logit":
            raise ValueError(f"preprocessing must not be logit, which has an end, with dequantization={name}")
        return made

    def convolution(self, name: str = "convolution") -> Bijector:
        """Returns the convolution of a step."""
        matrix = self._with_settings(folders.MATRICES, "parameterization")
        settings = self._of_parts | ({"parameterization": matrix} if len(matrix) > 1 else {})
        return folders.CONVOLUTIONS.make(self.settings["convolution"], settings, dtype=self.dtype, name=name)

    def coupling(
        self, mask: Mask | None = None, transform: Transform | None = None, name: str = "coupling"
    ) -> Coupling:
        """Returns a coupling, whose network computes in the model's precision."""
        transform = transform or self._build(folders.TRANSFORMS, "coupling")
        return Coupling(transform, self.network(), mask, dtype=self.dtype, name=name)

    def autoregressive(self, transform: Transform | None = None, name: str = "autoregressive") -> Autoregressive:
        """Returns an autoregressive layer, whose transform and network are those of a coupling."""
        transform = transform or self._build(folders.TRANSFORMS, "coupling")
        network = cast(AutoregressiveNetwork, self.network())  # (or the layer refuses it)
        return Autoregressive(transform, network, self.settings["segments"], dtype=self.dtype, name=name)

    def network(self, settings: Mapping[str, Any] | None = None, kind: str | None = None) -> Network:
        """Returns the network of a coupling, of an autoregressive layer or of a residual one.

        Args:
          settings: that are not the model's, as far as the network has them.
          kind: its name (default: the model's).
        """
        kwargs = {"condition": self.condition, "dtype": self.network_dtype, "name": "network"}
        own = self._of_parts | dict(settings or {})
        return folders.NETWORKS.make(kind or self.settings["network"], own, **kwargs)

    def repeated(self, step: Bijector, depth: int, name: str) -> Repeated:
        """Returns a step, `depth` times, differentiated in the way that the settings have or that is safe for them."""
        return Repeated(step, depth, self.backward, dtype=self.dtype, name=name)

    def split(self, name: str) -> Split:
        """Returns a split."""
        if not self.has_learned_prior:
            return Split(dtype=self.dtype, name=name)
        network = ConvolutionNetwork(condition=self.condition, dtype=self.dtype, name="prior")
        return Split(Gaussian(), network, dtype=self.dtype, name=name)

    def conditional_prior(self) -> list[Bijector]:
        """Returns the prior of the last level's latents, another one for each condition; none if there is none."""
        if self.condition is None:
            return []
        return [Conditional(Gaussian(), self.condition, dtype=self.dtype, name="prior")]

    def _with_settings(self, folder: Folder, setting: str) -> dict[str, Any]:
        """Returns the name of a part, and its settings as far as they are given."""
        name = self.settings[setting]
        own = {each: self._of_parts[each] for each in folder.part(name).keywords if each in self._of_parts}
        return {"name": name, **own}

    def _build(self, folder: Folder, setting: str, **arguments: Any) -> Any:
        """Returns a part by the name that its setting has."""
        return folder.make(self.settings[setting], self._of_parts, **arguments)


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
      >>> drawn = flow.reset_weights(seed=0)
      >>> flow.sample(2).shape
      TensorShape([2, 8, 8, 3])
    """
    make = folders.MODELS.load(name)
    own = {field for field in inspect.signature(make).parameters if field not in ("image_shape", "parts")}
    of_parts = {field: value for field, value in settings.items() if field not in own}
    parts = Parts(name=name, image_shape=tuple(image_shape), **of_parts)
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

    Example:
      >>> from flowconv.config import default_config
      >>> from flowconv.models import build_flow
      >>> config = default_config()
      >>> config.data.image_size = 8
      >>> config.model.levels, config.model.depth, config.model.width = 1, 2, 8
      >>> build_flow(config).sample(2, seed=0).shape
      TensorShape([2, 8, 8, 3])
    """
    settings = {field: value for field, value in config.model.items() if field != "name"}
    flow = build_model(config.model.name, image_shape(config.data), n_bits=config.data.n_bits, **settings)
    if reset:
        flow.reset_weights(config.seed if seed is None else seed)
    return flow
