"""Draws samples from a trained flow: a grid for each temperature, or single files.

    python scripts/sample.py --workdir=runs/photos
    python scripts/sample.py --workdir=runs/photos --temperatures=0.7,0.9 --count=64 --seed=1
    python scripts/sample.py --workdir=runs/photos --count=1000 --files --output=samples

The same seed gives the same samples. Lower temperatures are cleaner and less varied.
"""

from absl import flags

from flowconv import command_line

WORKDIR = flags.DEFINE_string("workdir", None, "folder of the run")
COUNT = flags.DEFINE_integer("count", 36, "images a temperature", 1)
TEMPERATURES = flags.DEFINE_list("temperatures", ["0.5", "0.7", "0.9", "1.0"], "standard deviations of the latents")
SEED = flags.DEFINE_integer("seed", 0, "of the draw", 0)
FILES = flags.DEFINE_bool("files", False, "write each image to a file of its own instead of grids")
OUTPUT = flags.DEFINE_string("output", None, "folder for the pictures (default: pictures/ in the workdir)")


def main():
    temperatures = command_line.numbers("temperatures", TEMPERATURES.value, lowest=0.0)
    from flowconv.applications import loading, sampling

    run = loading.load_run(WORKDIR.value)
    folder = loading.output_folder("output", OUTPUT.value, run.workdir.pictures)
    for temperature in temperatures:
        images = sampling.sample(run.flow, COUNT.value, temperature, SEED.value)
        print(sampling.save(images, folder, f"samples-{temperature:g}", single=FILES.value))


if __name__ == "__main__":
    command_line.run(main, __doc__)
