"""Scores images: bits/dim of each, and how far each is from the typical image of the run's data.

    python scripts/score.py --workdir=runs/photos --images=my_photos
    python scripts/score.py --workdir=runs/photos --images=my_photos --output=scores

Writes scores.csv (path, bits_per_dim, oddness), the oddest first, and oddest.png, a sheet of these. Likelihood is high
where nothing varies: flat images get fewer bits/dim than any photograph. `oddness`, |bits/dim − the test split's mean|
in standard deviations of the test split, finds those, too.
"""

import csv

from absl import flags

from flowconv import command_line

WORKDIR = flags.DEFINE_string("workdir", None, "folder of the run")
IMAGES = flags.DEFINE_string("images", None, "folder of images")
SHOWN = flags.DEFINE_integer("shown", 25, "images on the sheet", 1)
SEED = flags.DEFINE_integer("seed", 0, "of the dequantization noise", 0)
OUTPUT = flags.DEFINE_string("output", None, "folder for both files (default: the workdir)")


def main():
    import numpy as np

    from flowconv.applications import loading
    from flowconv.applications.scoring import score
    from flowconv.evaluation import pictures

    run = loading.load_run(WORKDIR.value)
    folder = loading.output_folder("output", OUTPUT.value, run.workdir.path)
    paths, images = loading.read_folder("images", IMAGES.value, run.config.data.image_size)
    scores = score(run.flow, images, run.images("test"), SEED.value)
    order = np.argsort(-scores.oddness)
    with (folder / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "bits_per_dim", "oddness"])
        writer.writerows([paths[i], f"{scores.bits_per_dim[i]:.5f}", f"{scores.oddness[i]:.4f}"] for i in order)
    pictures.save(folder / "oddest.png", pictures.grid(images[order[: SHOWN.value]]), 512)
    oddest = order[0]
    print(f"{len(paths):,} images: {scores.bits_per_dim.mean():.3f} bits/dim in the mean")
    print(
        f"the oddest: {paths[oddest]}, {scores.bits_per_dim[oddest]:.3f} bits/dim, oddness {scores.oddness[oddest]:.1f}"
    )
    print(f"{folder}/scores.csv, {folder}/oddest.png")


if __name__ == "__main__":
    command_line.run(main, __doc__)
