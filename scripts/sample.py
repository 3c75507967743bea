"""Draws samples from a trained flow: a grid for each temperature, or single files.

    python scripts/sample.py --workdir=runs/photos
    python scripts/sample.py --workdir=runs/photos --temperatures=0.7,0.9 --count=64 --seed=1
    python scripts/sample.py --workdir=runs/photos --count=1000 --files --output=samples

The same seed gives the same samples. Lower temperatures are cleaner and less varied.
"""

try:
    from flowconv import command_line, flags
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

WORKDIR = flags.workdir()
COUNT = flags.whole("count", 36, "images a temperature", 1)
TEMPERATURES = flags.numbers("temperatures", (0.5, 0.7, 0.9, 1.0), "standard deviations of the latents", 0.0)
SEED = flags.seed("of the draw")
FILES = flags.boolean("files", False, "write each image to a file of its own instead of grids")
OUTPUT = flags.path("output", None, "folder for the pictures (default: pictures/ in the workdir)")


def main():
    from flowconv.applications import loading, sampling
    from flowconv.training.workdir import Workdir
    from flowconv.words import printable

    workdir = Workdir(WORKDIR.value)
    folder = workdir.results_folder(OUTPUT.value, workdir.pictures)
    names = {temperature: f"samples-{temperature:g}" for temperature in TEMPERATURES.value}
    if FILES.value:
        for name in names.values():
            loading.free_folder("output", folder / name)
    run = loading.load_run(workdir.path)
    for temperature, name in names.items():
        images = sampling.sample(run.flow, COUNT.value, temperature, SEED.value)
        print(printable(sampling.save(images, folder, name, single=FILES.value)))


if __name__ == "__main__":
    command_line.run(main, __doc__)
