"""Every field of an experiment, where it is defined and explained, with its default.

The files in `configs/` start from `default_config()` and change only what their experiment needs;
on the command line `--config.model.depth=8` changes any field again. Nothing here imports TensorFlow.
"""

import ast
import difflib
import inspect
import io
import math
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from flowconv.errors import UserError
from flowconv.paths import given_path


def default_config() -> ConfigDict:
    """The common base of all experiments: Truong et al. 2021, section 5.1, on 32×32 images."""
    config = ConfigDict()
    config.seed = 0  # of weights, shuffling, flips, dequantization and samples

    model = config.model = ConfigDict()
    model.name = "glow"  # glow, realnvp, nice
    model.levels = 3  # L: squeeze, K steps, split; an image side must be divisible by 2^L
    model.depth = 32  # K: steps of flow in a level
    model.width = 512  # channels of the coupling networks' hidden layers
    model.convolution = "shift"  # shift (the paper), conv1x1 (Glow), emerging, periodic, rolled_shift, reverse, shuffle
    model.kernel_size = 3  # n of an n×n convolution (emerging, periodic, rolled_shift), odd
    model.shift = "channel"  # α, β of the shift: one a channel (the paper), or one a position
    model.parameterization = "plu"  # of the 1×1 convolution's W: plu, direct, qr, orthogonal
    model.coupling = "affine"  # of glow and realnvp: affine, additive
    model.prior = "standard"  # of the split latents: standard (N(0, I)), learned (Glow)
    model.preprocessing = "logit"  # of pixels in [0, 1): logit (RealNVP), centre (Glow)
    model.backward = "invert"  # how the depth loop is differentiated: store, recompute, invert
    model.precision = "float32"  # float32, float64, or bfloat16 (coupling networks only, and not for samples)

    data = config.data = ConfigDict()
    data.name = "photos"  # photos, cifar10, downsampled_imagenet, imagenet_resized, celeb_a_hq, folder
    data.dir = ""  # tfds' data directory ("": tfds' default), or the folder of images for `folder`
    data.cache_dir = ""  # decoded images are kept here ("": ~/.cache/flowconv)
    data.image_size = 32  # side in pixels; other sizes than the data's own are cropped and resized to it
    data.patches = False  # `folder`: cut each image into patches of image_size, rather than crop and resize it
    data.n_bits = 8  # bits a colour channel is reduced to, 1 to 8
    data.flip = True  # flip training images left-right at random
    data.validation_images = 1_000  # held out of the training split to select the model (photos, folder: a tenth is)

    train = config.train = ConfigDict()
    train.images = 50_000_000  # the budget, in training images over all ranks
    train.batch_size = 64  # images per rank and step (and backward pass, if a step has more of them)
    train.initialization_images = 256  # over all ranks, for the data-dependent initialization
    train.log_seconds = 10.0  # between progress lines when the output is no terminal
    train.evaluate_images = 1_000_000  # training images between evaluations on the validation split
    train.checkpoint_seconds = 600.0  # between checkpoints; 0 writes one after every step
    train.ema_decay = 0.999  # of the moving average of the weights, per step; less while it is young; 0: none
    train.watchdog_seconds = 300.0  # a step that takes longer ends the job with every thread's stack
    train.jit_compile = "auto"  # compile the step with XLA: auto (on GPUs), on, off

    optimizer = config.optimizer = ConfigDict()
    optimizer.name = "adam"  # adam, adamax
    optimizer.learning_rate = 1e-3  # at its peak; not scaled by the number of ranks
    optimizer.warmup_images = 20_000  # linear warm-up, in training images (openai/glow: 500,000)
    optimizer.schedule = "constant"  # after the warm-up: constant, cosine (to zero at train.images)
    optimizer.beta_1 = 0.9  # decay of the running mean of gradients, per step
    optimizer.beta_2 = 0.999  # decay of the running mean of their squares (adamax: of their largest size)
    optimizer.epsilon = 1e-8  # added to the root of these squares, by which a step is divided
    optimizer.clip_norm = 100.0  # of the global gradient norm (bits/dim); 0 turns it off

    distributed = config.distributed = ConfigDict()
    distributed.compression = "none"  # of the gradients that the ranks exchange: none (float32), fp16
    distributed.fusion_megabytes = 128  # gradients sent in one message (0: one each); horovodrun's own flag goes first
    distributed.backward_passes_per_step = 1  # batches of train.batch_size a rank averages before each exchange

    guards = config.guards = ConfigDict()
    guards.skipped_steps = 10  # in a row, with a loss or gradient not finite; then back to the last checkpoint
    guards.condition_number = 1e6  # of a W; above it, back to the last checkpoint, too; see docs/RELIABILITY.md
    guards.learning_rate_factor = 0.5  # the learning rate's after going back
    guards.rollbacks = 3  # times that a run goes back before it ends with a diagnosis

    evaluation = config.evaluation = ConfigDict()
    evaluation.batch_size = 64  # per rank
    evaluation.seed = 0  # of the dequantization noise, the same in every evaluation
    evaluation.temperatures = (0.0, 0.5, 0.7, 0.8, 0.9, 1.0)  # of the grids of samples
    evaluation.samples = 16  # images a grid
    return config


# One a file; that folder isn't imported here since it needs TensorFlow.
_CONVOLUTIONS = (Path(__file__).parent / "bijectors" / "convolutions").glob("[!_]*.py")

CHOICES = {
    "model.name": ("glow", "realnvp", "nice"),
    "model.convolution": tuple(sorted(path.stem for path in _CONVOLUTIONS)),
    "model.shift": ("channel", "position"),
    "model.parameterization": ("plu", "direct", "qr", "orthogonal"),
    "model.coupling": ("affine", "additive"),
    "model.prior": ("standard", "learned"),
    "model.preprocessing": ("logit", "centre"),
    "model.backward": ("store", "recompute", "invert"),
    "model.precision": ("float32", "float64", "bfloat16"),
    "train.jit_compile": ("auto", "on", "off"),
    "optimizer.name": ("adam", "adamax"),
    "optimizer.schedule": ("constant", "cosine"),
    "distributed.compression": ("none", "fp16"),
}

# What a value must be, by the type of the field's default.
KINDS = {
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: (int | float, "a number"),
    str: (str, "text"),
    tuple: (tuple | list, "numbers in parentheses"),
}

# Lowest and highest value; None is no limit.
RANGES = {
    "seed": (0, 2**31 - 1),
    "model.levels": (1, 16),
    "model.depth": (1, None),
    "model.width": (1, None),
    "model.kernel_size": (1, None),
    "data.image_size": (2, None),
    "data.n_bits": (1, 8),
    "data.validation_images": (1, None),
    "train.images": (1, None),
    "train.batch_size": (1, None),
    "train.initialization_images": (1, None),
    "train.log_seconds": (0.1, None),
    "train.evaluate_images": (1, None),
    "train.checkpoint_seconds": (0.0, None),
    "train.ema_decay": (0.0, 0.999999),
    "train.watchdog_seconds": (1.0, None),
    "optimizer.learning_rate": (0.0, None),
    "optimizer.warmup_images": (0, None),
    "optimizer.beta_1": (0.0, 0.999999),
    "optimizer.beta_2": (0.0, 0.9999999),  # float32 rounds the next ones to 1, and no weight moves
    "optimizer.epsilon": (1e-30, None),  # 0 / 0 where a gradient is 0
    "optimizer.clip_norm": (0.0, None),
    "distributed.fusion_megabytes": (0, None),
    "distributed.backward_passes_per_step": (1, None),
    "guards.skipped_steps": (1, None),
    "guards.condition_number": (1.0, None),
    "guards.learning_rate_factor": (0.0, 1.0),
    "guards.rollbacks": (0, None),
    "evaluation.batch_size": (1, None),
    "evaluation.seed": (0, 2**31 - 1),
    "evaluation.samples": (1, None),
}

# A checkpoint of a model fits another one only where these agree.
ARCHITECTURE = (
    "model.name",
    "model.levels",
    "model.depth",
    "model.width",
    "model.convolution",
    "model.kernel_size",
    "model.shift",
    "model.parameterization",
    "model.coupling",
    "model.prior",
    "model.preprocessing",
    "data.image_size",
    "data.n_bits",
    "optimizer.name",
)


def differences(saved: ConfigDict, config: ConfigDict) -> list[str]:
    """Returns "train.batch_size is 64 now, was 32", … for all fields that differ."""
    before = dict(flatten(saved))
    return [
        f"{name} is {value} now, was {before[name]}"
        for name, value in flatten(config)
        if name in before and before[name] != value
    ]


def images_per_rank(config: ConfigDict) -> int:
    """Returns the images that a rank takes in a step: a batch for each of its backward passes."""
    return config.train.batch_size * config.distributed.backward_passes_per_step


def flatten(config: ConfigDict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields ("model.depth", 32), … for every field."""
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def explanations() -> dict[str, str]:
    """Returns the comment beside each field of `default_config`, by the field's name, in their order."""
    source = inspect.getsource(default_config)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    found = {}
    for statement in ast.walk(ast.parse(source)):
        if isinstance(statement, ast.Assign):
            lines = range(statement.lineno, statement.end_lineno + 1)
            name = ast.unparse(statement.targets[-1]).removeprefix("config.")
            found[name] = " ".join(comments[line] for line in lines if line in comments)
    fields = dict(flatten(default_config()))
    return {name: comment for name, comment in found.items() if name in fields}


def nearest(name: str, choices: Iterable[str], prefix: str = "") -> str:
    """Returns " (did you mean X?)" for the choice that was meant, as far as can be told, or else nothing.

    Upper and lower case are alike, and the last part of a choice may stand for it: batch_size for train.batch_size.
    `prefix` is put before the choice.
    """
    wanted, known = str(name).casefold(), {choice.casefold(): choice for choice in choices}
    spelled = difflib.get_close_matches(wanted, known, n=1)
    ends = {choice: choice.rpartition(".")[2] for choice in known}
    close_ends = difflib.get_close_matches(wanted.rpartition(".")[2], set(ends.values()), n=1)
    found = (
        [choice for choice in known if choice == wanted]
        or [choice for choice in known if choice.endswith(f".{wanted}")]
        or spelled
        or [choice for choice, end in ends.items() if end in close_ends]
    )
    return f" (did you mean {' or '.join(prefix + known[choice] for choice in found)}?)" if found else ""


def validate(config: ConfigDict) -> None:
    """Checks every field that can be checked without data.

    Raises:
      UserError: naming the first field that is out of place, its value, and what would be right.
    """
    fields = dict(flatten(config))
    known = dict(flatten(default_config()))
    for name in fields:
        if name not in known:
            raise UserError(f"--config.{name}: there is no such field{nearest(name, known)}")
    for name in known:
        if name not in fields:
            raise UserError(f"--config.{name}: the config lacks this field; start it from flowconv.configuration")
    for name, default in known.items():
        kind, right = KINDS[type(default)]
        if not isinstance(fields[name], kind) or (isinstance(fields[name], bool) and kind is not bool):
            raise UserError(f"--config.{name}={fields[name]!r}: must be {right}")
    for name, choices in CHOICES.items():
        if fields[name] not in choices:
            right = f"must be one of {', '.join(choices)}{nearest(fields[name], choices)}"
            raise UserError(f"--config.{name}={fields[name]}: {right}")
    for name, (low, high) in RANGES.items():
        value = fields[name]
        if not math.isfinite(value) or value < low or (high is not None and value > high):
            right = f"at least {low}" if high is None else f"from {low} to {high}"
            raise UserError(f"--config.{name}={value}: must be {right}")
    for name in ("data.dir", "data.cache_dir"):
        if fields[name]:  # "" is the default's place
            given_path(f"--config.{name}", fields[name])
    size, levels = fields["data.image_size"], fields["model.levels"]
    if size % 2**levels:
        raise UserError(
            f"--config.data.image_size={size}: must be divisible by 2^model.levels = {2**levels}, "
            f"since each level halves height and width"
        )
    if fields["data.patches"] and fields["data.name"] != "folder":
        raise UserError(f"--config.data.patches=True: must be False with data.name={fields['data.name']}")
    kernel_size, convolution = fields["model.kernel_size"], fields["model.convolution"]
    if kernel_size % 2 == 0:
        raise UserError(f"--config.model.kernel_size={kernel_size}: must be odd, so that a window has a middle")
    smallest = size // 2**levels
    if fields["model.name"] == "glow" and convolution == "periodic" and kernel_size // 2 > smallest:
        raise UserError(
            f"--config.model.kernel_size={kernel_size}: must be at most {2 * smallest + 1} with "
            f"model.convolution=periodic, since the last level's images are {smallest}×{smallest}"
        )
    if fields["model.name"] == "realnvp" and fields["model.depth"] % 4:
        raise UserError(
            f"--config.model.depth={fields['model.depth']}: must be divisible by 4 with model.name=realnvp, "
            f"half of whose couplings have checkerboard masks, and these come in pairs"
        )
    temperatures = fields["evaluation.temperatures"]
    if not temperatures or not all(isinstance(t, int | float) and 0 <= t < math.inf for t in temperatures):
        raise UserError(f"--config.evaluation.temperatures={temperatures}: must be numbers of at least 0")


def architecture(config: ConfigDict) -> dict[str, Any]:
    """Returns, by their names, the fields by which a model is told from another, and its precision."""
    fields = dict(flatten(config))
    return {name: fields[name] for name in (*ARCHITECTURE, "model.precision")}


def differing_architecture(there: Mapping[str, Any], config: ConfigDict, precision: bool = True) -> list[str]:
    """Returns "model.depth is 8 there and 16 here", … for fields in which a saved model is another than `config`'s.

    Args:
      there: fields by their names; those of the model that it lacks are not compared.
      config: of the model that is wanted.
      precision: whether float64 in the place of another one, or the reverse, counts.
    """
    here = dict(flatten(config))
    names = list(ARCHITECTURE)
    if precision and "float64" in (here["model.precision"], there.get("model.precision")):
        names.append("model.precision")
    return [
        f"{name} is {there[name]} there and {here[name]} here"
        for name in names
        if name in there and there[name] != here[name]
    ]
