"""A model's computations as XLA programs, which run without TensorFlow.

What TensorFlow compiles of a `tf.function(jit_compile=True)` is a program in XLA's own language: a function of its
arguments and of the variables' values, which returns results and new values of the variables. Here such programs are
written to files, with a manifest of what goes in and what comes out; `scripts/run_exported_step.py` runs them.
"""

import contextlib
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.core.weights import random_variables
from flowconv.data import ImageData
from flowconv.files import write_bytes, write_json, write_text
from flowconv.models import Flow
from flowconv.ops.backends import compile_fn
from flowconv.training.step import TrainingStep

FORMAT = 3  # of the manifest
MANIFEST, VALUES, IMAGES = "manifest.json", "values.npz", "images.npz"


@dataclass(frozen=True)
class Program:
    """A computation with static shapes.

    Attributes:
      function: of tensors; returns a dict of tensors. It may read and assign variables.
      arguments: what it takes, by name, in order.
    """

    function: Callable[..., dict[str, tf.Tensor]]
    arguments: dict[str, tf.TensorSpec]

    def compiled(self) -> tf.types.experimental.PolymorphicFunction:
        """Returns the `tf.function` that XLA compiles as one program."""
        return compile_fn(self.function, jit_compile=True)

    def lower(self, stage: str = "hlo") -> str | bytes:
        """Returns the program as XLA has it at `stage`, as "hlo", "hlo_serialized" or "optimized_hlo".

        Raises:
          tf.errors.OpError: if an operation has no XLA kernel.
        """
        return self.compiled().experimental_get_compiler_ir(*self.arguments.values())(stage=stage)


def training_program(step: TrainingStep, batch_size: int) -> Program:
    """Returns one training step on one device: flips, noise, forward, backward, and the update.

    Its loss has the name that metrics have it by: "bits_per_dim", or of Gaussian noise "bits_per_dim_of_noisy_images".
    """

    def take(*given):
        figures = step(_batch(*given))
        return {step.flow.dequantization.training_figure: figures.pop("bits_per_dim"), **figures}

    return Program(take, _arguments(step.flow, batch_size))


def all_programs(step: TrainingStep, batch_size: int, initialization_images: int, seeds: int = 1) -> dict[str, Program]:
    """Returns what a device needs for a model's whole life; the flow is not initialized yet.

    "init" draws the weights and sets the data-dependent ones, "train" takes a step, "encode" gives each image's
    bits/dim, and "sample" draws `batch_size` images at temperature 0.7. "init" takes the number of a seed below `seeds`
    besides, so that all are compiled once.

    Of images given their class all take labels besides. To enlarge images, "sample" takes images instead, of which it
    makes the small versions.
    """
    flow = step.flow

    def initialize(seed, images, first, *labels):
        # Where they are used, so that they need not be carried there. Seeds are numbers of Python's, hence branches.
        tf.switch_case(seed, [partial(draw, step.seed + number) for number in range(seeds)])
        x, condition = flow.dequantize(images, step.seed, first), flow.condition_of(_batch(images, first, *labels))
        flow.initialize(x, condition=condition)
        return {"bits_per_dim": tf.reduce_mean(flow.to_bits_per_dim(flow.log_prob(x, condition)))}

    def draw(seed):
        flow.reset_weights(seed)
        return seed  # a branch must return something

    def encode(images, first, *labels):
        condition = flow.condition_of(_batch(images, first, *labels))
        return {"bits_per_dim": flow.bits_per_dim(images, step.seed, first, condition=condition)}

    given = _arguments(flow, batch_size)
    seen = [name for name in given if name == ("labels" if flow.condition.classes else "images")]
    seed = {"seed": tf.TensorSpec((), tf.int32)}
    of_sample = seed | {name: given[name] for name in seen if flow.is_conditional}

    def sample(seed, *seen):
        batch = dict(zip(("label" if flow.condition.classes else "image",), seen, strict=False))
        return {"images": flow.to_images(flow.sample(batch_size, 0.7, seed, flow.condition_of(batch)))}

    return {
        "init": Program(initialize, seed | _arguments(flow, initialization_images)),
        "train": training_program(step, batch_size),
        "encode": Program(encode, given),
        "sample": Program(sample, of_sample),
    }


def export(programs: dict[str, Program], step: TrainingStep, directory: Path, seeds: int = 1) -> dict[str, Any]:
    """Writes programs and what they share to a directory.

    NAME.hlo.pb is a program, values.npz has the variables' present values as far as they are not zero, nor set by
    "init", and manifest.json describes both.

    Args:
      programs: by name.
      step: whose variables, and those of its flow and optimizer, the programs share.
      directory: is made if it isn't there.
      seeds: that "init" knows.

    Returns:
      The manifest:
      * parameters: how many numbers the flow has.
      * seeds: as given.
      * variables: of each, in order: name, dtype, shape, and whether values.npz has it, as its number.
      * averages: pairs (number of a weight, number of its moving average), if there is one.
      * programs: of each by name: arguments (name, dtype, shape); variables, the numbers of those that follow the
        arguments; results (name, dtype, shape), the first outputs; updates, pairs (output, number of the variable
        whose new value it is).

    Raises:
      UserError: if a file can't be written; the directory has no manifest then.
    """
    with contextlib.suppress(OSError):  # there is none; one that stays is in the way of the new one, which says so
        (directory / MANIFEST).unlink()  # until all is written: its numbers are those of other variables
    table = [(v.path, v.value) for v in (*step.flow.variables, *step.optimizer.variables)]
    table += [("images_seen", step.images_seen), ("learning_rate_factor", step.learning_rate_factor)]
    handles = {id(variable.handle): number for number, (_, variable) in enumerate(table)}
    described = {}
    for name, program in programs.items():
        compiled = program.compiled()
        described[name] = _describe(compiled, program, handles, table)
        lowered = compiled.experimental_get_compiler_ir(*program.arguments.values())
        write_bytes(_program_file(directory, name), lowered(stage="hlo_serialized"))
        described[name]["updates"] = _updates(lowered(stage="hlo"), described[name])
    drawn = {id(variable.value) for variable in random_variables(step.flow.variables)} if "init" in programs else set()
    kept = {
        str(number): np.asarray(value)
        for number, (_, value) in enumerate(table)
        if id(value) not in drawn and np.any(np.asarray(value))
    }
    _write_arrays(directory / VALUES, kept)
    variables = [
        _description(name, value) | {"has_value": str(number) in kept} for number, (name, value) in enumerate(table)
    ]
    averages = step.optimizer.averages_of(step.flow.trainable_variables)
    averaged = [(handles[id(weight.value.handle)], handles[id(average.value.handle)]) for weight, average in averages]
    manifest = {
        "format": FORMAT,
        "parameters": step.flow.parameters,
        "seeds": seeds,
        "variables": variables,
        "averages": averaged,
        "programs": described,
    }
    write_text(directory / MANIFEST, json.dumps(manifest, indent=1))
    return manifest


def write_images(images: ImageData, directory: Path) -> None:
    """Writes images.npz, the splits of a data set by name and their labels as "train_labels"; images.json describes it.

    Raises:
      UserError: if it can't be written.
    """
    labels = {f"{split}_labels": values for split, values in images.labels.items()}
    _write_arrays(directory / IMAGES, {**images.splits, **labels})
    write_json((directory / IMAGES).with_suffix(".json"), images.describe())


def files_of(manifest: Mapping[str, Any], directory: Path) -> list[Path]:
    """Returns the files of an export: its programs, values and manifest."""
    return [
        *(_program_file(directory, name) for name in manifest["programs"]),
        directory / VALUES,
        directory / MANIFEST,
    ]


def _write_arrays(path, arrays):
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_bytes(path, content.getvalue())


def _program_file(directory, name):
    return directory / f"{name}.hlo.pb"


def custom_calls(hlo: str) -> set[str]:
    """Returns the targets of a lowered program's custom calls: what XLA itself doesn't define."""
    return set(re.findall(r'custom_call_target="([^"]+)"', hlo))


def operations(hlo: str) -> set[str]:
    """Returns the names of a lowered program's operations."""
    return set(re.findall(r"^\s+(?:ROOT )?%?[\w.\-]+ = (?:\(.*?\)|\S+) ([a-z][a-z\-]*)\(", hlo, re.MULTILINE))


def _describe(compiled, program, handles: dict[int, int], table: list) -> dict[str, Any]:
    concrete = compiled.get_concrete_function(*program.arguments.values())
    for captured in concrete.captured_inputs:
        if id(captured) not in handles:
            if captured.dtype == tf.resource:
                raise ValueError("a program uses a variable that is neither the flow's, the optimizer's nor the step's")
            handles[id(captured)] = len(table)
            table.append(("constant", captured))
    results = concrete.structured_outputs
    return {
        "arguments": [_description(name, spec) for name, spec in program.arguments.items()],
        "variables": [handles[id(captured)] for captured in concrete.captured_inputs],
        "results": [_description(name, results[name]) for name in sorted(results)],
    }


def _updates(hlo: str, described: dict[str, Any]) -> list[tuple[int, int]]:
    """Reads which outputs take the place of which variables from the program's first line."""
    aliases = re.search(r"input_output_alias=\{(.*?\)) ?\}", hlo.split("\n", 1)[0])
    pairs = re.findall(r"\{(\d+)\}: \((\d+),", aliases[1]) if aliases else []
    arguments = len(described["arguments"])
    return [(int(output), described["variables"][int(parameter) - arguments]) for output, parameter in pairs]


def _description(name: str, value: tf.Tensor | tf.TensorSpec | tf.Variable) -> dict[str, Any]:
    return {"name": name, "dtype": value.dtype.name, "shape": value.shape.as_list()}


def _batch(images, first, labels=None):
    batch = {"image": images, "position": first}
    return batch if labels is None else batch | {"label": labels}


def _arguments(flow: Flow, batch_size: int) -> dict[str, tf.TensorSpec]:
    """The arguments made of a batch: images, the number of the first one and, if there are classes, labels."""
    given = {
        "images": tf.TensorSpec((batch_size, *flow.image_shape), tf.uint8),
        "first": tf.TensorSpec((), tf.int64),
    }
    return given | ({"labels": tf.TensorSpec((batch_size,), tf.int32)} if flow.condition.classes else {})
