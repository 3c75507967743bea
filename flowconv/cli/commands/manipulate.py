"""Gives images more or less of an attribute: adds the direction z_pos − z_neg to their latents.

    python scripts/manipulate.py --workdir=runs/faces --positive=smiling --negative=serious --images=me
    python scripts/manipulate.py --workdir=runs/faces --labels=labels.csv --images=me --strengths=-1,-0.5,0,0.5,1

--positive and --negative are folders of images with the attribute and without it. --labels is a CSV file instead, a
line for each image: its path (from the file's own folder), a comma, and 1 or 0.
"""

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command

FLAGS = (
    shared_flags.WORKDIR,
    shared_flags.DATA_DIR,
    shared_flags.images("images that have the attribute", "positive"),
    shared_flags.images("images that don't", "negative"),
    flags.path("labels", None, "CSV file that says which images have it, in place of both"),
    shared_flags.images("images to change (default: those of the run's test split)"),
    flags.whole("count", 8, "images changed", 1),
    flags.numbers("strengths", (-1.0, -0.5, 0.0, 0.5, 1.0), "how much of the direction is added"),
    shared_flags.output("folder for the picture (default: pictures/ in the workdir)"),
)


def manipulate(given):
    import numpy as np

    from flowconv.evaluation import pictures
    from flowconv.inference import interpolation, load
    from flowconv.utils.console import say
    from flowconv.words import counted
    from flowconv.workdir import Workdir

    workdir = Workdir(given.workdir)
    load.refuse_condition(workdir, "manipulate.py")
    folder = workdir.results_folder(given.output, workdir.pictures)
    run = load.load_run(workdir.path, given.data_dir)
    if given.labels:
        positive, negative = load.read_labels("labels", given.labels, run.config.data)
    else:
        _, positive = load.read_images("positive", given.positive, run.config.data)
        _, negative = load.read_images("negative", given.negative, run.config.data)
    images = run.images_of("images", given.images, given.count)
    direction = interpolation.attribute_direction(run.flow, positive, negative)
    rows = interpolation.manipulate(run.flow, images, direction, given.strengths)
    pictures.save(folder / "manipulation.png", pictures.grid(np.concatenate(rows), columns=len(given.strengths)), 400)
    shown = counted(len(positive), "image")
    say(f"{folder}/manipulation.png: {shown} with the attribute, {len(negative):,} without")


main = Command(manipulate, __doc__, FLAGS)
