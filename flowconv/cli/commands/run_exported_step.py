"""Runs what scripts/export_step.py wrote, on whatever device JAX has; needs jax and numpy, not TensorFlow nor flowconv.

    python3 run_exported_step.py exported/cifar10 --steps=50

Images are random ones that lie on the device, and labels, if any, are 0. It prints one line of JSON: seconds of
compiling, the median step, images/s, peak memory as far as the device tells, and the bits/dim of each step. Tried with
jax 0.10.2; reading XLA programs takes a part of jaxlib that may change.

    programs = ExportedPrograms("exported/cifar10")
    programs.run("init", images, 0)
    programs.run("train", images, 0)["bits_per_dim"]      # variables change in place
"""

from __future__ import annotations  # jax may not be there

import argparse
import json
import time
import zipfile
from pathlib import Path
from typing import Any

try:
    import jax
    import numpy as np
    from jax.extend import backend as jax_backend
    from jaxlib import xla_client

    # Without it JAX makes 32 bits of 64, which the programs would not take.
    jax.config.update("jax_enable_x64", True)
except ModuleNotFoundError as error:  # said once --help has had its turn
    MISSING = error.name
else:
    MISSING = None


class ExportedPrograms:
    """Programs, and the variables that they share, on the first device.

    Args:
      directory: of an export.
    """

    def __init__(self, directory: str | Path):
        self.directory = Path(directory)
        self.manifest = json.loads((self.directory / "manifest.json").read_text(encoding="utf-8"))
        if self.manifest["format"] != 1:
            raise ValueError(f"{directory}: made by another version of export_step.py")
        self.device = jax.devices()[0]
        self.compile_seconds: dict[str, float] = {}
        self._executables: dict[str, Any] = {}
        with np.load(self.directory / "values.npz") as values:
            self.variables = [
                self._put(values[str(number)] if each["has_value"] else np.zeros(each["shape"], each["dtype"]))
                for number, each in enumerate(self.manifest["variables"])
            ]

    def run(self, name: str, *arguments: Any) -> dict[str, jax.Array]:
        """Runs a program on arrays of the shapes in the manifest; returns its results by name."""
        program = self.manifest["programs"][name]
        executable = self._executables.get(name) or self.compile(name)
        given = [
            value
            if isinstance(value, jax.Array)
            else self._put(np.asarray(value, spec["dtype"]).reshape(spec["shape"]))
            for value, spec in zip(arguments, program["arguments"], strict=True)
        ]
        shared = [self.variables[number] for number in program["variables"]]
        outputs = executable.execute_sharded([*given, *shared]).disassemble_into_single_device_arrays()
        for output, number in program["updates"]:
            self.variables[number] = outputs[output][0]
        return {result["name"]: output[0] for result, output in zip(program["results"], outputs, strict=False)}

    def compile(self, name: str) -> Any:
        """Compiles a program for the device; `compile_seconds[name]` says how long it took."""
        program = (self.directory / f"{name}.hlo.pb").read_bytes()
        started = time.perf_counter()
        stable = xla_client._xla.mlir.hlo_to_stablehlo(program)
        self._executables[name] = jax_backend.get_backend().compile_and_load(
            stable, xla_client._xla.DeviceList((self.device,)), xla_client.CompileOptions()
        )
        self.compile_seconds[name] = time.perf_counter() - started
        return self._executables[name]

    def images(self, name: str, seed: int = 0) -> jax.Array:
        """Returns random uint8 images for a program, on the device."""
        shape = self._shapes(name)["images"]
        return self._put(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))

    def arguments(self, name: str, number: int, images: jax.Array | None) -> list[Any]:
        """Returns what a program takes at its call of this number, of these images."""
        shapes = self._shapes(name)
        known = {"images": images, "seed": number, "labels": np.zeros(shapes.get("labels", ()))}
        known["first"] = number * shapes["images"][0] if "images" in shapes else 0
        return [known[argument] for argument in shapes]

    def _shapes(self, name):
        return {each["name"]: each["shape"] for each in self.manifest["programs"][name]["arguments"]}

    def _put(self, value):
        return jax.device_put(value, self.device)


def whole(text: str) -> int:
    """Returns the whole number of at least 0 that a flag has."""
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


whole.__name__ = "number of at least 0"  # as argparse calls it: "invalid … value"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("directory", help="of an export")
    parser.add_argument("--program", default="train", choices=("train", "encode", "sample"), help="which one to time")
    parser.add_argument("--steps", type=whole, default=20, help="steps after the first, which is not timed")
    parser.add_argument("--batch", type=whole, help="the images a step that the export must be for")
    arguments = parser.parse_args()
    if MISSING:
        parser.error(f"{MISSING} can't be imported: pip install jax numpy")
    try:
        programs = ExportedPrograms(arguments.directory)
        there = programs.manifest["programs"]
        needed = [name for name in ("init", arguments.program) if name in there]  # "init" where it was exported, too
        for name in needed:
            programs.compile(name)
    except (EOFError, LookupError, OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
        parser.error(f"{arguments.directory}: is no export that can be read ({error!r})")
    if arguments.program not in there:
        parser.error(f"--program={arguments.program}: {arguments.directory} has {', '.join(there)} alone")
    specs = there[arguments.program]
    takes_images = any(each["name"] == "images" for each in specs["arguments"])
    batch = next(each["shape"] for each in (*specs["arguments"], *specs["results"]) if each["shape"])[0]
    if arguments.batch not in (None, batch):
        parser.error(f"--batch={arguments.batch}: {arguments.directory} is for {batch} images; shapes are static")
    if "init" in there:  # otherwise the values that were exported are those to begin with
        programs.run("init", *programs.arguments("init", 0, programs.images("init")))
    images = programs.images(arguments.program) if takes_images else None
    seconds, results = [], []
    for number in range(arguments.steps + 1):
        started = time.perf_counter()
        inputs = programs.arguments(arguments.program, number, images)
        result = {name: np.asarray(value) for name, value in programs.run(arguments.program, *inputs).items()}
        seconds.append(time.perf_counter() - started)
        results.append(result)
    median = float(np.median(seconds[1:] or seconds))
    statistics = programs.device.memory_stats() or {}
    figures = {
        "device": programs.device.device_kind,
        "jax": jax.__version__,
        "program": arguments.program,
        "batch": batch,
        "compile_seconds": programs.compile_seconds,
        "step_seconds": median,
        "images_per_second": batch / median,
        "peak_bytes": statistics.get("peak_bytes_in_use"),
    }
    if "bits_per_dim" in results[0]:
        figures["bits_per_dim"] = [float(np.mean(result["bits_per_dim"])) for result in results]
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
