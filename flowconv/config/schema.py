"""Every setting of an experiment, declared once: its default, its meaning, and the values that it takes.

The default config, flags and `--help`, validation, docs/reference/settings.md and the tests' strategies come from here.
The files in `configs/` start from `default_config()` and change only what their experiment needs; on the command line
`--config.model.depth=8` changes any field again. The defaults are those of Truong et al. 2021, section 5.1, on 32×32
images. Nothing here imports TensorFlow.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flowconv.config.parts import (
    CONDITIONS,
    CONVOLUTIONS,
    DATASETS,
    DEQUANTIZATIONS,
    MATRICES,
    MODELS,
    NETWORKS,
    PREPROCESSINGS,
    SINKS,
    TRANSFORMS,
)
from flowconv.config.setting import Setting

LARGEST_SEED = 2**31 - 1
AUTO = "auto (invert, or recompute where a part can't be inverted well enough)"


def setting(default: Any, help: str, **attributes: Any) -> Any:
    """Returns the declaration of a setting, whose other attributes are those of `Setting`."""
    return dataclasses.field(default=default, metadata={"help": help, **attributes})


def fixed(default: Any, help: str, **attributes: Any) -> Any:
    """Returns the declaration of a setting in which a checkpoint has to agree."""
    return setting(default, help, architecture=True, **attributes)


@dataclass
class Model:
    """The flow."""

    name: str = fixed("glow", "the family of flows", choices=MODELS)
    levels: int = fixed(3, "L; an image side must be divisible by 2^L (residual: 2^(L−1))", at_least=1, at_most=16)
    depth: int = fixed(32, "K: steps of flow in a level", at_least=1)
    width: int = fixed(512, "channels of the coupling networks' hidden layers", at_least=1)
    convolution: str = fixed("shift", "what mixes channels in a step", choices=CONVOLUTIONS)
    kernel_size: int = fixed(3, "n of an n×n convolution, odd", at_least=1)
    shift: str = fixed("channel", "what has its own α and β", choices=("channel (the paper)", "position"))
    parameterization: str = fixed("plu", "how the 1×1 convolution's W is composed", choices=MATRICES)
    coupling: str = fixed("affine", "the transform of a coupling", choices=TRANSFORMS)
    network: str = fixed("glow", "of couplings and autoregressive layers", choices=NETWORKS, since="0.2")
    prior: str = fixed("standard", "of split latents", choices=("standard (N(0, I))", "learned (Glow)"))
    condition: str = fixed("none", "under which images are seen", choices=CONDITIONS, since="0.2")
    classes: int = fixed(0, "of model.condition=class; 0: those of the data set", at_least=0, since="0.2")
    dequantization: str = fixed("uniform", "how bytes become numbers", choices=DEQUANTIZATIONS, since="0.2")
    preprocessing: str = fixed("logit", "of pixels in [0, 1)", choices=PREPROCESSINGS)
    segments: int = setting(1, "parts of an order that autoregressive layers invert one after the other", at_least=1)
    backward: str = setting("auto", "how depth is differentiated", choices=(AUTO, "store", "recompute", "invert"))
    precision: str = setting("float32", "of all numbers", choices=("float32", "float64", "bfloat16 (networks alone)"))


@dataclass
class Data:
    """The images."""

    name: str = setting("photos", f"{', '.join(DATASETS)}, or another one of tensorflow_datasets")
    dir: str = setting("", "tfds' data directory ('': tfds' default), or the folder of images for `folder`", path=True)
    cache_dir: str = setting("", "decoded images are kept here ('': ~/.cache/flowconv)", path=True)
    image_size: int = fixed(32, "side in pixels, or (height, width); others are resized", at_least=2, pair=True)
    channels: int = fixed(3, "1 is grey, which 3 repeats; 4 has transparency", at_least=1, at_most=4, since="0.2")
    patches: bool = setting(False, "`folder`: cut images into patches of image_size, rather than crop and resize them")
    n_bits: int = fixed(8, "bits a colour channel is reduced to", at_least=1, at_most=8)
    flip: bool = setting(True, "flip training images left-right at random")
    validation_images: int = setting(1_000, "held out to select the model (photos, folder: a tenth is)", at_least=1)


@dataclass
class Train:
    """The run."""

    images: int = setting(50_000_000, "the budget, in training images over all ranks", at_least=1)
    batch_size: int = setting(64, "images per rank and step (or backward pass, if a step has several)", at_least=1)
    initialization_images: int = setting(256, "over all ranks, for the data-dependent initialization", at_least=1)
    log_seconds: float = setting(10.0, "between progress lines when the output is no terminal", at_least=0.1)
    evaluate_images: int = setting(1_000_000, "training images between evaluations on the validation split", at_least=1)
    checkpoint_seconds: float = setting(600.0, "between checkpoints; 0 writes one after every step", at_least=0.0)
    ema_decay: float = setting(0.999, "of the weights' average, per step; 0: none", at_least=0.0, at_most=0.999999)
    watchdog_seconds: float = setting(300.0, "a longer step ends the job with every thread's stack", at_least=1.0)
    jit_compile: str = setting("auto", "compile the step with XLA", choices=("auto (on GPUs)", "on", "off"))
    sinks: str = setting("tensorboard", f"that show a run, with commas between: {', '.join(SINKS)}", since="0.2")


@dataclass
class Optimizer:
    """The optimizer and the learning rate."""

    name: str = fixed("adam", "the algorithm", choices=("adam", "adamax"))
    learning_rate: float = setting(1e-3, "at its peak; not scaled by the number of ranks", at_least=0.0)
    warmup_images: int = setting(20_000, "linear warm-up, in training images (openai/glow: 500,000)", at_least=0)
    schedule: str = setting("constant", "after the warm-up", choices=("constant", "cosine (to zero at train.images)"))
    beta_1: float = setting(0.9, "decay of the running mean of gradients, per step", at_least=0.0, at_most=0.999999)
    # float32 rounds what lies above to 1, and no weight moves.
    beta_2: float = setting(0.999, "as beta_1, of their squares (adamax: maximum)", at_least=0.0, at_most=0.9999999)
    # 0 / 0 where a gradient is 0.
    epsilon: float = setting(1e-8, "added to the root of these squares, by which a step is divided", at_least=1e-30)
    weight_decay: float = setting(0.0, "decoupled: of a weight and step, times learning rate (AdamW)", at_least=0.0)
    clip_norm: float = setting(100.0, "of the global gradient norm (bits/dim); 0 turns it off", at_least=0.0)


@dataclass
class Distributed:
    """Training on several ranks."""

    compression: str = setting("none", "of the gradients that ranks exchange", choices=("none (float32)", "fp16"))
    fusion_megabytes: int = setting(128, "gradients in a message (0: one each); horovodrun's goes first", at_least=0)
    backward_passes_per_step: int = setting(1, "batches that a rank averages before each exchange", at_least=1)


@dataclass
class Guards:
    """Recovery of a run that diverges (docs/explanation/reliability.md)."""

    skipped_steps: int = setting(10, "in a row, with no finite loss; then back to the last checkpoint", at_least=1)
    condition_number: float = setting(1e6, "of a W; above it, back to the last checkpoint, too", at_least=1.0)
    learning_rate_factor: float = setting(0.5, "the learning rate's after going back", at_least=0.0, at_most=1.0)
    rollbacks: int = setting(3, "times that a run goes back before it ends with a diagnosis", at_least=0)


@dataclass
class Evaluation:
    """Evaluation and samples."""

    batch_size: int = setting(64, "per rank", at_least=1)
    seed: int = setting(0, "of the dequantization noise of every evaluation", at_least=0, at_most=LARGEST_SEED)
    temperatures: tuple = setting((0.0, 0.5, 0.7, 0.8, 0.9, 1.0), "of the grids of samples", at_least=0)
    samples: int = setting(16, "images a grid", at_least=1)
    classify: bool = setting(True, "given classes, also without labels: as many passes as there are classes")


@dataclass
class Experiment:
    """All settings, by groups."""

    seed: int = setting(0, "of weights, shuffling, flips, noise and samples", at_least=0, at_most=LARGEST_SEED)
    model: Model = dataclasses.field(default_factory=Model)
    data: Data = dataclasses.field(default_factory=Data)
    train: Train = dataclasses.field(default_factory=Train)
    optimizer: Optimizer = dataclasses.field(default_factory=Optimizer)
    distributed: Distributed = dataclasses.field(default_factory=Distributed)
    guards: Guards = dataclasses.field(default_factory=Guards)
    evaluation: Evaluation = dataclasses.field(default_factory=Evaluation)


def settings_of(group: type, prefix: str = "") -> Iterator[Setting]:
    """Yields the settings of a class above and of the groups in it."""
    for field in dataclasses.fields(group):
        if isinstance(field.type, type) and dataclasses.is_dataclass(field.type):
            yield from settings_of(field.type, f"{prefix}{field.name}.")
        else:
            yield Setting(f"{prefix}{field.name}", field.default, **field.metadata)


def names_where(settings: Iterable[Setting], attribute: str) -> tuple[str, ...]:
    """Returns the names of the settings of which an attribute is true."""
    return tuple(setting.name for setting in settings if getattr(setting, attribute))


SETTINGS = {setting.name: setting for setting in settings_of(Experiment)}

# A checkpoint of a model fits another one only where these agree.
ARCHITECTURE = names_where(SETTINGS.values(), "architecture")
