"""Runs what scripts/export_step.py wrote, on whatever device JAX has; needs jax and numpy, not TensorFlow nor flowconv.

    python3 run_exported_step.py exported/cifar10 --steps=50
    python3 run_exported_step.py exported/cifar10 --images=exported/cifar10/images.npz --train_images=1000000

The first times a program on random images that lie on the device, with labels, if any, of 0. The second trains on the
images of a file, from each of the export's seeds, and evaluates. Weights and the order of images are a seed's own;
flips and noise are of an image's number alone. With --learning_rates=0.5,1,2 it first trains on a quarter of the images
with each of these times the config's learning rate, and takes the best for all seeds. Either prints one line of JSON:
seconds of compiling, the median step, images/s, peak memory as far as the device tells, and bits/dim. Tried with jax
0.10.2 and 0.11.2; reading XLA programs takes a part of jaxlib that may change.

    programs = ExportedPrograms("exported/cifar10")
    programs.run("init", 0, images, 0)
    programs.run("train", images, 0)["bits_per_dim"]      # variables change in place
"""

from __future__ import annotations  # jax may not be there

import argparse
import contextlib
import fcntl
import io
import itertools
import json
import math
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

try:
    import jax
    import numpy as np
    from jax.extend import backend as jax_backend
    from jax.interpreters.mlir import make_ir_context
    from jaxlib import xla_client
    from jaxlib.mlir import ir

    # Without it JAX makes 32 bits of 64, which the programs would not take.
    jax.config.update("jax_enable_x64", True)
except ModuleNotFoundError as error:  # said once --help has had its turn
    MISSING = error.name
else:
    MISSING = None

SPLITS = ("train", "validation", "test")


class ExportedPrograms:
    """Programs, and the variables that they share, on the first device.

    Args:
      directory: of an export.
    """

    def __init__(self, directory: str | Path):
        self.directory = Path(directory)
        self.manifest = json.loads((self.directory / "manifest.json").read_text(encoding="utf-8"))
        if self.manifest["format"] != 3:
            raise ValueError(f"{directory}: made by another version of export_step.py")
        self.device = jax.devices()[0]
        self.compile_seconds: dict[str, float] = {}
        self._executables: dict[str, Any] = {}
        self.reset()

    def reset(self) -> None:
        """Gives all variables the values that were exported; "init" draws the weights."""
        with np.load(self.directory / "values.npz") as values:
            self.variables = [
                self.put(values[str(number)] if each["has_value"] else np.zeros(each["shape"], each["dtype"]))
                for number, each in enumerate(self.manifest["variables"])
            ]

    def run(self, name: str, *arguments: Any, averaged: bool = False) -> dict[str, jax.Array]:
        """Runs a program on arrays of the shapes in the manifest; returns its results by name.

        Args:
          name: of the program.
          arguments: in the manifest's order.
          averaged: whether it sees the weights' moving averages in the place of the weights.
        """
        program = self.manifest["programs"][name]
        executable = self._executables.get(name) or self.compile(name)
        given = [
            value if isinstance(value, jax.Array) else self.put(np.asarray(value, spec["dtype"]).reshape(spec["shape"]))
            for value, spec in zip(arguments, program["arguments"], strict=True)
        ]
        average_of = dict(self.manifest["averages"]) if averaged else {}
        shared = [self.variables[average_of.get(number, number)] for number in program["variables"]]
        outputs = executable.execute_sharded([*given, *shared]).disassemble_into_single_device_arrays()
        for output, number in program["updates"]:
            self.variables[number] = outputs[output][0]
        return {result["name"]: output[0] for result, output in zip(program["results"], outputs, strict=False)}

    def compile(self, name: str) -> Any:
        """Compiles a program for the device; `compile_seconds[name]` says how long it took."""
        program = (self.directory / f"{name}.hlo.pb").read_bytes()
        started = time.perf_counter()
        stable = without_copies(xla_client._xla.mlir.hlo_to_stablehlo(program))
        self._executables[name] = jax_backend.get_backend().compile_and_load(
            stable, xla_client._xla.DeviceList((self.device,)), xla_client.CompileOptions()
        )
        self.compile_seconds[name] = time.perf_counter() - started
        return self._executables[name]

    def shapes(self, name: str) -> dict[str, list[int]]:
        """Returns the shapes of what a program takes, by name and in order."""
        return {each["name"]: each["shape"] for each in self.manifest["programs"][name]["arguments"]}

    def batch(self, name: str) -> int:
        """Returns how many images a program takes or, if it takes none, returns."""
        program = self.manifest["programs"][name]
        return next(each["shape"] for each in (*program["arguments"], *program["results"]) if each["shape"])[0]

    def arguments(self, name: str, images: Any, labels: Any, first: int = 0, seed: int = 0) -> list[Any]:
        """Returns what a program takes, in order: images, their labels, the number of the first one, a seed."""
        known = {"images": images, "labels": labels, "first": first, "seed": seed}
        return [known[argument] for argument in self.shapes(name)]

    def set(self, name: str, value: float) -> None:
        """Gives a variable, a single number, another value."""
        number, spec = next((n, each) for n, each in enumerate(self.manifest["variables"]) if each["name"] == name)
        self.variables[number] = self.put(np.asarray(value, spec["dtype"]))

    def put(self, value: np.ndarray) -> jax.Array:
        """Returns an array on the device."""
        return jax.device_put(value, self.device)


def without_copies(program: bytes) -> bytes:
    """Returns a program without XLA's copies: StableHLO has none, and compilers for GPUs take nothing else."""

    def visit(operation):
        if operation.name == "mhlo.copy":
            operation.results[0].replace_all_uses_with(operation.operands[0])
            operation.erase()
            return ir.WalkResult.SKIP
        return ir.WalkResult.ADVANCE

    with make_ir_context():
        module = ir.Module.parse(program)
        module.operation.walk(visit, ir.WalkOrder.POST_ORDER)
        found = io.BytesIO()
        module.operation.write_bytecode(found)
    return found.getvalue()


def time_program(programs: ExportedPrograms, name: str, steps: int) -> dict[str, Any]:
    """Times a program on random images: the median of so many steps after a first one."""
    images, labels = random_batch(programs, name)
    batch, seconds, results = programs.batch(name), [], []
    for number in range(steps + 1):
        started = time.perf_counter()
        result = programs.run(name, *programs.arguments(name, images, labels, number * batch))
        result = {key: np.asarray(value) for key, value in result.items()}  # waits for the device
        seconds.append(time.perf_counter() - started)
        results.append(result)
    median = float(np.median(seconds[1:] or seconds))
    figures = {"program": name, "batch": batch, "step_seconds": median, "images_per_second": batch / median}
    # Of a step that trains on noisy images they are bits_per_dim_of_noisy_images.
    named = [each for each in result if each.startswith("bits_per_dim")]
    return figures | {each: [float(np.mean(result[each])) for result in results] for each in named}


def random_batch(programs: ExportedPrograms, name: str) -> tuple[Any, Any]:
    """Returns random uint8 images for a program, on the device, and labels of 0; None of what it does not take."""
    shapes = programs.shapes(name)
    images = np.random.default_rng(0).integers(0, 256, shapes["images"], np.uint8) if "images" in shapes else None
    return None if images is None else programs.put(images), np.zeros(shapes.get("labels", ()))


class Images:
    """A split of a file of images, in batches.

    Args:
      file: as export_step.py --data writes it: arrays train, validation and test, and train_labels and so on.
      split: one of these.
    """

    def __init__(self, file: Any, split: str):
        self.images = file[split]
        labels = f"{split}_labels"
        self.labels = file[labels] if labels in file.files else np.zeros(len(self.images), np.int32)

    def shuffled(self, batch: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields batches (images, labels) without end; each pass over all images has an order of its own."""
        passes = (np.random.default_rng([seed, number]).permutation(len(self.images)) for number in itertools.count())
        order = itertools.chain.from_iterable(passes)
        while True:
            chosen = np.fromiter(itertools.islice(order, batch), np.int64, batch)
            yield self.images[chosen], self.labels[chosen]

    def in_order(self, batch: int) -> Iterator[tuple[int, np.ndarray, np.ndarray, int]]:
        """Yields (number of the first one, images, labels, how many count); the last batch begins anew to be full."""
        for first in range(0, len(self.images), batch):
            chosen = np.arange(first, first + batch) % len(self.images)
            yield first, self.images[chosen], self.labels[chosen], min(batch, len(self.images) - first)


def train(
    programs: ExportedPrograms,
    splits: dict[str, Images],
    seed: int,
    steps: int,
    pause: int | None = None,
    factor: float = 1.0,
) -> dict[str, Any]:
    """Trains from a seed; returns seconds of the steps, bits/dim of every 50 of them, and evaluations.

    Args:
      programs: of the model.
      splits: images.
      seed: its number among the export's.
      steps: of training.
      pause: steps between two evaluations, of which there is one at the end, too (default: none at all).
      factor: on the learning rate.
    """
    images = splits["train"]
    programs.reset()
    programs.set("learning_rate_factor", factor)
    programs.run("init", *programs.arguments("init", *next(images.shuffled(programs.batch("init"), seed)), seed=seed))
    batch, bits, skipped, evaluations, seconds = programs.batch("train"), [], 0, [], 0.0
    batches = enumerate(images.shuffled(batch, seed))
    for first in range(0, steps, pause or steps):
        started = time.perf_counter()
        part = itertools.islice(batches, min(pause or steps, steps - first))
        results = [programs.run("train", *programs.arguments("train", *each, n * batch)) for n, each in part]
        loss = next(name for name in results[0] if name.startswith("bits_per_dim"))
        bits += [float(result[loss]) for result in results]  # waits for the device
        seconds += time.perf_counter() - started
        skipped += sum(int(result["skipped"]) for result in results)
        if pause is not None:
            evaluations.append({"images_trained": len(bits) * batch} | evaluate(programs, splits))
    return {
        "images_trained": steps * batch,
        "seconds": seconds,
        f"training_{loss}": [float(np.mean(bits[at : at + 50])) for at in range(0, steps, 50)],
        "skipped": skipped,
        "evaluations": evaluations,
    }


def bits_per_dim(programs: ExportedPrograms, images: Images, averaged: bool, label: int | None = None) -> np.ndarray:
    """Returns the bits/dim of each image: given its label or, with `label`, given that one."""
    batch, results = programs.batch("encode"), []
    for first, pixels, labels, count in images.in_order(batch):
        given = labels if label is None else np.full_like(labels, label)
        result = programs.run("encode", *programs.arguments("encode", pixels, given, first), averaged=averaged)
        results.append((result["bits_per_dim"], count))
    return np.concatenate([np.asarray(values)[:count] for values, count in results])


def accuracy(programs: ExportedPrograms, images: Images, averaged: bool) -> float:
    """Returns the share of images whose label is the one under which they are most likely: Bayes' rule."""
    of_labels = [bits_per_dim(programs, images, averaged, label) for label in range(int(images.labels.max()) + 1)]
    return float(np.mean(np.argmin(of_labels, axis=0) == images.labels))


def evaluate(programs: ExportedPrograms, splits: dict[str, Images]) -> dict[str, Any]:
    """Returns the bits/dim of the validation and test splits, of the weights and of their moving averages."""
    kinds = {"": False} | ({"_ema": True} if programs.manifest["averages"] else {})
    found = {
        f"{split}_bits_per_dim{kind}": float(np.mean(bits_per_dim(programs, splits[split], averaged)))
        for split in ("validation", "test")
        for kind, averaged in kinds.items()
    }
    is_better = kinds != {"": False} and found["validation_bits_per_dim_ema"] < found["validation_bits_per_dim"]
    return found | {"better_weights": "averaged" if is_better else "raw"}


def steps_within(programs: ExportedPrograms, splits: dict[str, Images], seconds: float) -> int:
    """Returns how many training steps take so many seconds, by 20 of them after 10 others."""
    train(programs, splits, 0, 10)
    return max(1, round(seconds * 20 / train(programs, splits, 0, 20)["seconds"]))


def learning_rate_trials(
    programs: ExportedPrograms, splits: dict[str, Images], steps: int, factors: Sequence[float]
) -> dict[str, float]:
    """Returns the validation bits/dim after so many steps from the first seed with each factor, by its number as text.

    Where training diverged they are infinite.
    """
    found = {}
    for factor in factors:
        last = train(programs, splits, 0, steps, steps, factor)["evaluations"][-1]
        better = last["validation_bits_per_dim" + ("_ema" if last["better_weights"] == "averaged" else "")]
        found[f"{factor:g}"] = better if math.isfinite(better) else math.inf
    return found


def train_all(
    programs: ExportedPrograms, splits: dict[str, Images], steps: int, pause: int | None, factor: float = 1.0
) -> list[dict[str, Any]]:
    """Trains from each of the export's seeds, and evaluates."""
    runs = []
    for seed in range(programs.manifest["seeds"]):
        run = train(programs, splits, seed, steps, pause or steps, factor)
        run = {"seed": seed} | run | run["evaluations"][-1]
        if "labels" in programs.shapes("encode"):
            run["test_accuracy"] = accuracy(programs, splits["test"], run["better_weights"] == "averaged")
        runs.append(run)
    return runs


def read_images(path: str) -> tuple[dict[str, Images], dict[str, Any]]:
    """Returns the splits of a file of images, and what the file beside it says of them."""
    with np.load(path) as arrays:
        splits = {split: Images(arrays, split) for split in SPLITS}
    return splits, json.loads(Path(path).with_suffix(".json").read_text(encoding="utf-8"))


def train_and_time(
    programs: ExportedPrograms, splits: dict[str, Images], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Returns what --images asks for: all trainings, and the rates of the programs."""
    batch = programs.batch("train")
    steps = math.ceil(arguments.train_images / batch)
    if arguments.seconds is not None:
        steps = steps_within(programs, splits, arguments.seconds)
    pause = math.ceil(arguments.evaluate_images / batch) if arguments.evaluate_images else None
    trials = learning_rate_trials(programs, splits, math.ceil(steps / 4), arguments.learning_rates)
    factor = float(min(trials, key=lambda each: trials[each])) if trials else 1.0
    return {
        "batch": batch,
        **({"learning_rate_trials": trials, "learning_rate_factor": factor} if trials else {}),
        "runs": train_all(programs, splits, steps, pause, factor),
        "images_per_second": rates(programs),
    }


def rates(programs: ExportedPrograms) -> dict[str, float]:
    """Returns images/s of training, encoding and, if it was exported, sampling, of the last training's weights.

    They are medians of ten.
    """
    there = [name for name in ("train", "encode", "sample") if name in programs.manifest["programs"]]
    return {name: time_program(programs, name, 10)["images_per_second"] for name in there}


@contextlib.contextmanager
def turn(path: str | None) -> Iterator[None]:
    """Waits for this process' turn among those that name the same file."""
    if path is None:
        yield
        return
    with open(path, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def whole(text: str) -> int:
    """Returns the whole number of at least 0 that a flag has."""
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


whole.__name__ = "number of at least 0"  # as argparse calls it: "invalid … value"


def positive(text: str) -> float:
    """Returns the number above 0 that a flag has."""
    number = float(text)
    if not 0.0 < number < math.inf:
        raise ValueError(text)
    return number


positive.__name__ = "number above 0"


def several_positive(text: str) -> list[float]:
    """Returns the numbers above 0 that a flag has, with commas between them."""
    return [positive(part) for part in text.split(",")]


several_positive.__name__ = "numbers above 0"


def flags() -> argparse.ArgumentParser:
    """Returns the parser of the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("directory", help="of an export")
    parser.add_argument("--program", default="train", choices=("train", "encode", "sample"), help="which one to time")
    parser.add_argument("--steps", type=whole, default=20, help="steps after the first, which is not timed")
    parser.add_argument("--batch", type=whole, help="the images a step that the export must be for")
    parser.add_argument("--images", help="an .npz file of images to train on, as export_step.py --data writes it")
    parser.add_argument("--train_images", type=whole, default=14_400, help="images of a training")
    parser.add_argument("--seconds", type=positive, help="of a training, in place of --train_images")
    parser.add_argument("--learning_rates", type=several_positive, default=(), help="factors on it to try before")
    parser.add_argument("--evaluate_images", type=whole, default=0, help="between evaluations; 0: at the end alone")
    parser.add_argument("--turns", help="a file: processes that name it compile side by side and run one by one")
    return parser


def main():
    parser = flags()
    arguments = parser.parse_args()
    if MISSING:
        parser.error(f"{MISSING} can't be imported: pip install jax numpy")
    try:
        programs = ExportedPrograms(arguments.directory)
        there = programs.manifest["programs"]
        needed = ("init", arguments.program) if arguments.images is None else there
        for name in needed:
            if name in there:  # "init" where it was exported, too
                programs.compile(name)
    except (EOFError, LookupError, OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
        parser.error(f"{arguments.directory}: is no export that can be read ({error!r})")
    lacking = {arguments.program} if arguments.images is None else {"init", "train", "encode"}
    if lacking := sorted(lacking - set(there)):
        flag = f"--program={arguments.program}" if arguments.images is None else f"--images={arguments.images}"
        parser.error(f"{flag}: needs {lacking[0]}; {arguments.directory} has {', '.join(there)} alone")
    batch = programs.batch(arguments.program)
    if arguments.batch not in (None, batch):
        parser.error(f"--batch={arguments.batch}: {arguments.directory} is for {batch} images; shapes are static")
    if arguments.images is not None:
        try:
            splits, dataset = read_images(arguments.images)
        except (EOFError, LookupError, OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
            parser.error(f"--images={arguments.images}: can't be read as export_step.py --data writes it ({error!r})")
    with turn(arguments.turns):
        if arguments.images is None:
            if "init" in there:  # otherwise the values that were exported are those to begin with
                programs.run("init", *programs.arguments("init", *random_batch(programs, "init")))
            figures = time_program(programs, arguments.program, arguments.steps)
        else:
            figures = train_and_time(programs, splits, arguments) | {"dataset": dataset}
    statistics = programs.device.memory_stats() or {}
    about = {
        "export": programs.directory.name,
        "device": programs.device.device_kind,
        "jax": jax.__version__,
        "parameters": programs.manifest["parameters"],
        "compile_seconds": programs.compile_seconds,
        "peak_bytes": statistics.get("peak_bytes_in_use"),
    }
    print(json.dumps(about | figures))


if __name__ == "__main__":
    main()
