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
IMAGES = flags.images("two or more images (default: five of the run's test split)")
STEPS = flags.whole("steps", 8, "images a row, both ends counted", 2)
OUTPUT = flags.path("output", None, "folder for the picture (default: pictures/ in the workdir)")


def main():
    import numpy as np

    from flowconv.applications import loading
    from flowconv.applications.interpolation import interpolate
    from flowconv.errors import UserError
    from flowconv.evaluation import pictures

    if len(IMAGES.value) == 1:
        raise UserError(f"--images={IMAGES.value[0]}: must be two or more files, with commas between them")
    run = loading.load_run(WORKDIR.value)
    folder = loading.output_folder("output", OUTPUT.value, run.workdir.pictures)
    if IMAGES.value:
        images = np.stack([loading.read_image("images", path, run.config.data) for path in IMAGES.value])
    else:
        images = run.images("test")[:5]
    rows = interpolate(run.flow, images, STEPS.value)
    pictures.save(folder / "interpolation.png", pictures.grid(np.concatenate(rows), columns=STEPS.value), 400)
    print(f"{folder}/interpolation.png")


if __name__ == "__main__":
    command_line.run(main, __doc__)
