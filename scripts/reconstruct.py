"""Shows images, what comes back of them from their latents, and the error, magnified (the paper's figure 1).

    python scripts/reconstruct.py --workdir=runs/photos
    python scripts/reconstruct.py --workdir=runs/photos --images=my_photos --count=8 --magnify=10000

Rows: originals, reconstructions, |error| times --magnify on a scale from black to white. Without --magnify the largest
error is white.
"""

try:
    from flowconv import command_line, flags
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

WORKDIR = flags.workdir()
DATA_DIR = flags.data_dir()
IMAGES = flags.images("images (default: those of the run's test split)")
COUNT = flags.whole("count", 12, "images", 1)
MAGNIFY = flags.number("magnify", None, "the error is shown this many times as large", 1.0)
OUTPUT = flags.path("output", None, "folder for the picture (default: pictures/ in the workdir)")


def main():
    import numpy as np

    from flowconv.applications import loading
    from flowconv.evaluation import pictures
    from flowconv.training.workdir import Workdir
    from flowconv.words import printable

    workdir = Workdir(WORKDIR.value)
    folder = workdir.results_folder(OUTPUT.value, workdir.pictures)
    run = loading.load_run(workdir.path, DATA_DIR.value)
    images = run.images_of("images", IMAGES.value, COUNT.value)
    x = run.flow.level_centres(images)
    back = run.flow.decode(run.flow.encode(x))
    error = np.abs(back.numpy() - x.numpy()) * 2.0**run.flow.n_bits  # in pixel levels
    known = np.isfinite(error)
    magnify = MAGNIFY.value or 255 / max(float(error.max(where=known, initial=0.0)), 1e-9)
    shown = np.where(known, np.clip(error * magnify, 0, 255), 255).astype(np.uint8)
    rows = np.concatenate([run.flow.to_images(x), pictures.shown(run.flow, back), shown])
    pictures.save(folder / "reconstruction.png", pictures.grid(rows, columns=len(images)), least_side=400)
    print(
        f"{printable(folder)}/reconstruction.png: largest error {error.max():.2g} of a pixel level, "
        f"mean {error.mean():.2g}; shown times {magnify:,.0f}"
    )


if __name__ == "__main__":
    command_line.run(main, __doc__)
