"""Walks between images in the space of their latents.

    python scripts/interpolate.py --workdir=runs/photos
    python scripts/interpolate.py --workdir=runs/photos --images=a.png,b.png,c.png --steps=9

Each row goes from one image to the next along a straight line between their latents.
"""

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command

FLAGS = (
    shared_flags.WORKDIR,
    shared_flags.DATA_DIR,
    shared_flags.images("two or more images (default: five of the run's test split)"),
    flags.whole("steps", 8, "images a row, both ends counted", 2),
    shared_flags.output("folder for the picture (default: pictures/ in the workdir)"),
)
MOST = 5  # images of the test split


def interpolate(given):
    import numpy as np

    from flowconv.errors import UserError
    from flowconv.evaluation import pictures
    from flowconv.inference import interpolation, load
    from flowconv.utils.console import say
    from flowconv.workdir import Workdir

    workdir = Workdir(given.workdir)
    load.refuse_condition(workdir, "interpolate.py")
    folder = workdir.results_folder(given.output, workdir.pictures)
    run = load.load_run(workdir.path, given.data_dir)
    images = run.images_of("images", given.images, MOST if given.images is None else None)
    if len(images) < 2:
        what = f"--images={given.images}: is" if given.images else "--images is missing: the run's test split has"
        raise UserError(f"{what} one image; name two or more files, or folders, with commas between them")
    rows = interpolation.interpolate(run.flow, images, given.steps)
    pictures.save(folder / "interpolation.png", pictures.grid(np.concatenate(rows), columns=given.steps), 400)
    say(f"{folder}/interpolation.png")


main = Command(interpolate, __doc__, FLAGS)
