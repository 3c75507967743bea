"""Scores images: bits/dim of each, and how far each is from the typical image of the run's data.

    python scripts/score.py --workdir=runs/photos --images=my_photos
    python scripts/score.py --workdir=runs/photos --images=my_photos --output=scores

Writes scores.csv (path, bits_per_dim, oddness), the oddest first, and oddest.png, a sheet of these. Likelihood is high
where nothing varies: flat images get fewer bits/dim than any photograph. `oddness`, |bits/dim − the test split's mean|
in standard deviations of the test split, finds those, too. Both stand in the run's results, so its data need not be
there; with --data_dir they are measured again.

    python scripts/score.py --workdir=runs/photos --check=100

scores 100 test images, and 100 of noise, flat colours, and inverted ones, and prints how well each kind is told from
the run's own: the area under the curve, 1 is perfect and 0.5 chance.
"""

try:
    from flowconv import command_line, flags
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

WORKDIR = flags.workdir()
DATA_DIR = flags.data_dir()
IMAGES = flags.images("images to score")
CHECK = flags.whole("check", 0, "instead: test images that are told from as many odd ones of each kind", 0)
SHOWN = flags.whole("shown", 25, "images on the sheet", 1)
SEED = flags.seed("of the dequantization noise")
OUTPUT = flags.path("output", None, "folder for both files (default: the workdir)")


def main():
    import numpy as np

    from flowconv.applications import loading
    from flowconv.applications.score_table import ScoreTable
    from flowconv.applications.scoring import score
    from flowconv.evaluation import pictures
    from flowconv.training.workdir import Workdir
    from flowconv.words import counted, printable

    workdir = Workdir(WORKDIR.value)
    if CHECK.value:
        check(loading.load_run(workdir.path, DATA_DIR.value))
        return
    folder = workdir.results_folder(OUTPUT.value, workdir.path)
    table = ScoreTable(folder / "scores.csv")
    table.check(loading.find_images("images", IMAGES.value))
    run = loading.load_run(workdir.path, DATA_DIR.value)
    paths, images = loading.read_images("images", IMAGES.value, run.config.data)
    typical = run.typical(SEED.value, measured=DATA_DIR.value is not None)
    scores = score(run.flow, images, typical, SEED.value)
    order = np.argsort(-(scores.bits_per_dim if scores.oddness is None else scores.oddness))
    table.write(paths, scores, order)
    pictures.save(folder / "oddest.png", pictures.grid(images[order[: SHOWN.value]]), 512)
    oddest = order[0]
    print(f"{counted(len(paths), 'image')}: {scores.bits_per_dim.mean():.3f} bits/dim in the mean")
    if scores.oddness is None:
        print("the test split has too few different images to say what is typical: ordered by bits/dim, no oddness")
        shown = f"{scores.bits_per_dim[oddest]:.3f} bits/dim"
    else:
        shown = f"{scores.bits_per_dim[oddest]:.3f} bits/dim, oddness {scores.oddness[oddest]:.1f}"
    print(f"the oddest: {printable(paths[oddest])}, {shown}")
    print(f"{printable(folder)}/scores.csv, {printable(folder)}/oddest.png")


def check(run):
    from flowconv.applications.scoring import detect
    from flowconv.errors import UserError
    from flowconv.words import counted

    images = run.images("test")
    if CHECK.value >= len(images):
        raise UserError(f"--check={CHECK.value}: must be below the {counted(len(images), 'image')} of the test split")
    print(f"{'':<10}{'bits/dim':>10}{'AUC by bits/dim':>18}{'AUC by oddness':>18}")
    for kind, found in detect(run.flow, images, CHECK.value, SEED.value).items():
        areas = (found.by_bits_per_dim, found.by_oddness)
        print(f"{kind:<10}{found.bits_per_dim:>10.3f}" + "".join(f"{a:>18.3f}" for a in areas if a is not None))


if __name__ == "__main__":
    command_line.run(main, __doc__)
