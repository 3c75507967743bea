"""Gives images more or less of an attribute: adds the direction z_pos − z_neg to their latents.

    python scripts/manipulate.py --workdir=runs/faces --positive=smiling --negative=serious --images=me
    python scripts/manipulate.py --workdir=runs/faces --labels=labels.csv --images=me --strengths=-1,-0.5,0,0.5,1

--positive and --negative are folders of images with the attribute and without it. --labels is a CSV file instead, a
line for each image: its path (from the file's own folder), a comma, and 1 or 0.
"""

try:
    from flowconv import command_line, flags
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

WORKDIR = flags.workdir()
DATA_DIR = flags.data_dir()
POSITIVE = flags.images("images that have the attribute", "positive")
NEGATIVE = flags.images("images that don't", "negative")
LABELS = flags.path("labels", None, "CSV file that says which images have it, in place of both")
IMAGES = flags.images("images to change (default: those of the run's test split)")
COUNT = flags.whole("count", 8, "images changed", 1)
STRENGTHS = flags.numbers("strengths", (-1.0, -0.5, 0.0, 0.5, 1.0), "how much of the direction is added")
OUTPUT = flags.path("output", None, "folder for the picture (default: pictures/ in the workdir)")


def main():
    import numpy as np

    from flowconv.applications import loading
    from flowconv.applications.interpolation import attribute_direction, manipulate
    from flowconv.evaluation import pictures
    from flowconv.training.workdir import Workdir
    from flowconv.words import counted, printable

    workdir = Workdir(WORKDIR.value)
    folder = workdir.results_folder(OUTPUT.value, workdir.pictures)
    run = loading.load_run(workdir.path, DATA_DIR.value)
    if LABELS.value:
        positive, negative = loading.read_labels("labels", LABELS.value, run.config.data)
    else:
        _, positive = loading.read_images("positive", POSITIVE.value, run.config.data)
        _, negative = loading.read_images("negative", NEGATIVE.value, run.config.data)
    images = run.images_of("images", IMAGES.value, COUNT.value)
    rows = manipulate(run.flow, images, attribute_direction(run.flow, positive, negative), STRENGTHS.value)
    pictures.save(folder / "manipulation.png", pictures.grid(np.concatenate(rows), columns=len(STRENGTHS.value)), 400)
    shown = counted(len(positive), "image")
    print(f"{printable(folder)}/manipulation.png: {shown} with the attribute, {len(negative):,} without")


if __name__ == "__main__":
    command_line.run(main, __doc__)
