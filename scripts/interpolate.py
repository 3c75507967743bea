"""Walks between images in the space of their latents.

    python scripts/interpolate.py --workdir=runs/photos
    python scripts/interpolate.py --workdir=runs/photos --images=a.png,b.png,c.png --steps=9

Each row goes from one image to the next along a straight line between their latents.
"""

try:
    from flowconv import command_line, flags
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

WORKDIR = flags.workdir()
DATA_DIR = flags.data_dir()
IMAGES = flags.images("two or more images (default: five of the run's test split)")
STEPS = flags.whole("steps", 8, "images a row, both ends counted", 2)
OUTPUT = flags.path("output", None, "folder for the picture (default: pictures/ in the workdir)")

MOST = 5  # images of the test split


def main():
    import numpy as np

    from flowconv.applications import loading
    from flowconv.applications.interpolation import interpolate
    from flowconv.errors import UserError
    from flowconv.evaluation import pictures
    from flowconv.training.workdir import Workdir
    from flowconv.words import printable

    workdir = Workdir(WORKDIR.value)
    folder = workdir.results_folder(OUTPUT.value, workdir.pictures)
    run = loading.load_run(workdir.path, DATA_DIR.value)
    images = run.images_of("images", IMAGES.value, MOST if IMAGES.value is None else None)
    if len(images) < 2:
        given = f"--images={IMAGES.value}: is" if IMAGES.value else "--images is missing: the run's test split has"
        raise UserError(f"{given} one image; name two or more files, or folders, with commas between them")
    rows = interpolate(run.flow, images, STEPS.value)
    pictures.save(folder / "interpolation.png", pictures.grid(np.concatenate(rows), columns=STEPS.value), 400)
    print(f"{printable(folder)}/interpolation.png")


if __name__ == "__main__":
    command_line.run(main, __doc__)
