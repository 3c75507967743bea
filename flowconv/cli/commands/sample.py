"""Draws samples from a trained flow: a grid for each temperature, or single files.

    python scripts/sample.py --workdir=runs/photos
    python scripts/sample.py --workdir=runs/photos --temperatures=0.7,0.9 --count=64 --seed=1
    python scripts/sample.py --workdir=runs/photos --count=1000 --files --output=samples

The same seed gives the same samples. Lower temperatures are cleaner and less varied.
"""

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command

FLAGS = (
    shared_flags.WORKDIR,
    flags.whole("count", 36, "images a temperature", 1),
    flags.numbers("temperatures", (0.5, 0.7, 0.9, 1.0), "standard deviations of the latents", 0.0),
    shared_flags.seed("of the draw"),
    flags.boolean("files", False, "write each image to a file of its own instead of grids"),
    shared_flags.output("folder for the pictures (default: pictures/ in the workdir)"),
)


def sample(given):
    from flowconv.inference import load, sampling
    from flowconv.utils.console import say
    from flowconv.workdir import Workdir

    workdir = Workdir(given.workdir)
    folder = workdir.results_folder(given.output, workdir.pictures)
    names = {temperature: f"samples-{temperature:g}" for temperature in given.temperatures}
    if given.files:
        for name in names.values():
            load.free_folder("output", folder / name)
    run = load.load_run(workdir.path)
    for temperature, name in names.items():
        images = sampling.sample(run.flow, given.count, temperature, given.seed)
        say(sampling.save(images, folder, name, single=given.files))


main = Command(sample, __doc__, FLAGS)
