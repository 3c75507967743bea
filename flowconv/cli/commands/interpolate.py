"""Walks between images in the space of their latents.

    python scripts/interpolate.py --workdir=runs/photos
    python scripts/interpolate.py --workdir=runs/photos --images=a.png,b.png,c.png --steps=9
    python scripts/interpolate.py --workdir=runs/classes --images=a.png,b.png --class=cat,dog

Each row goes from one image to the next along a straight line between their latents. Of a run with
model.condition=class each image has its class, and the images of a row that of the nearer end. Classes of --images are
told by --class. Of one with model.condition=low_resolution, small images change as the latents do.
"""

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command

FLAGS = (
    shared_flags.WORKDIR,
    shared_flags.MODEL,
    shared_flags.DATA_DIR,
    shared_flags.images("two or more images (default: five of the run's test split)"),
    flags.words("class", (), "class of each image of --images, or one of all, with model.condition=class"),
    flags.whole("steps", 8, "images a row, both ends counted", 2),
    shared_flags.output("folder for the picture (default: pictures/ in the workdir)"),
)
MOST = 5  # images of the test split


def interpolate(given):
    import numpy as np

    from flowconv.errors import UserError
    from flowconv.evaluation import pictures
    from flowconv.evaluation.sheets import Sheet
    from flowconv.inference import conditions, interpolation, load
    from flowconv.utils.console import say
    from flowconv.utils.progress_bar import working
    from flowconv.workdir import pretrained

    workdir = pretrained.chosen(given.workdir, given.model)
    conditions.check_data_dir(given.data_dir, given.images)
    labels = conditions.labels_of(workdir, getattr(given, "class"), given.images)
    folder = workdir.results_folder(given.output, workdir.pictures)
    run = load.load_run(workdir, given.data_dir)
    examples = run.examples_of("images", given.images, MOST if given.images is None else None)
    examples = conditions.labelled(examples, labels)
    images = examples["image"]
    if len(images) < 2:
        what = f"--images={given.images}: is" if given.images else "--images is missing: the run's test split has"
        raise UserError(f"{what} one image; name two or more files, or folders, with commas between them")
    with working("interpolating"):
        rows = interpolation.interpolate(run.flow, images, given.steps, run.flow.condition_of(examples))
    headings = [f"{number / (given.steps - 1):.2g}" for number in range(given.steps)]
    names = [f"{number} to {number + 1}" for number in range(1, len(images))]
    sheet = Sheet(np.concatenate(rows), given.steps, "From image to image, through their latents", names, headings)
    pictures.save_sheet(folder / "interpolation.png", sheet, run.facts)
    say(f"{folder}/interpolation.png")


main = Command(interpolate, __doc__, FLAGS)
