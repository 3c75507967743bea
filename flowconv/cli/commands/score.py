"""Scores images: bits/dim of each, and how far each is from the typical image of the run's data.

    python scripts/score.py --workdir=runs/photos --images=my_photos
    python scripts/score.py --workdir=runs/photos --images=my_photos --output=scores
    python scripts/score.py --workdir=runs/classes --images=a.png,b.png --class=cat,dog

Writes scores.csv (path, bits_per_dim, oddness), the oddest first, and oddest.png, a sheet of these with their names and
scores. Likelihood is high where nothing varies: flat images get fewer bits/dim than any photograph. `oddness`,
|bits/dim − the test split's mean| in standard deviations of the test split, finds those, too. Both stand in the run's
results, so its data need not be there; with --data_dir they are measured again. A residual flow's scores are of one
draw, its results of the mean over several: oddness is a little too large, and right with --data_dir.

Of a run with model.condition=class each image is scored given its class, which --class tells.

    python scripts/score.py --workdir=runs/photos --check=100

scores 100 test images, and 100 each of noise, flat colours, and inverted ones. It prints how well each kind is told
from the run's own: the area under the curve, of which 1 is perfect and 0.5 chance.
"""

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command

FLAGS = (
    shared_flags.WORKDIR,
    shared_flags.MODEL,
    shared_flags.DATA_DIR,
    shared_flags.images("images to score"),
    flags.words("class", (), "class of each image of --images, or one of all, with model.condition=class"),
    flags.whole("check", 0, "instead: test images that are told from as many odd ones of each kind", 0),
    flags.whole("shown", 25, "images on the sheet", 1),
    shared_flags.seed("of the dequantization noise"),
    shared_flags.output("folder for both files (default: the workdir)"),
)


def score(given):
    import numpy as np

    from flowconv.evaluation import pictures
    from flowconv.inference import conditions, load, scoring
    from flowconv.inference.score_table import ScoreTable
    from flowconv.words import counted, printable
    from flowconv.workdir import pretrained

    if given.check:
        flags.refuse_unused(given, FLAGS, ("images", "shown", "output"), "is not used with --check")
    workdir = pretrained.chosen(given.workdir, given.model)
    labels = conditions.labels_of(workdir, getattr(given, "class"), None if given.check else given.images)
    if given.check:
        check(load.load_run(workdir, given.data_dir), given)
        return
    folder = workdir.results_folder(given.output, workdir.path)
    table = ScoreTable(folder / "scores.csv")
    table.check(load.find_images("images", given.images))
    run = load.load_run(workdir, given.data_dir)
    paths, images = load.read_images("images", given.images, run.config.data)
    typical = run.typical(given.seed, measured=given.data_dir is not None)
    scores = scoring.score(run.flow, conditions.labelled({"image": images}, labels), typical, given.seed)
    order = np.argsort(-(scores.bits_per_dim if scores.oddness is None else scores.oddness))
    table.write(paths, scores, order)
    pictures.save_sheet(
        folder / "oddest.png", oddest_sheet(paths, images, scores, order[: given.shown]), run.facts, 112
    )
    oddest = order[0]
    print(f"{counted(len(paths), 'image')}: {scores.bits_per_dim.mean():.3f} bits/dim in the mean")
    if scores.oddness is None:
        print("the test split has too few different images to say what is typical: ordered by bits/dim, no oddness")
        shown = f"{scores.bits_per_dim[oddest]:.3f} bits/dim"
    else:
        shown = f"{scores.bits_per_dim[oddest]:.3f} bits/dim, oddness {scores.oddness[oddest]:.1f}"
    print(f"the oddest: {printable(paths[oddest])}, {shown}")
    print(f"{printable(folder)}/scores.csv, {printable(folder)}/oddest.png")


def oddest_sheet(paths, images, scores, order):
    """Images in this order, with the names of their files and their scores."""
    from flowconv.evaluation.sheets import Sheet, about_square

    def scored(number):
        bits = f"{paths[number].name}\n{scores.bits_per_dim[number]:.2f} bits/dim"
        return bits if scores.oddness is None else f"{bits}\noddness {scores.oddness[number]:.1f}"

    by = "by bits/dim" if scores.oddness is None else "by oddness"
    title = f"The oddest of {len(paths):,}, {by}"
    return Sheet(images[order], about_square(len(order)), title, captions=[scored(number) for number in order])


def check(run, given) -> None:
    """Prints how well images of each odd kind are told from those of the test split."""
    from flowconv.errors import UserError
    from flowconv.inference.scoring import detect
    from flowconv.words import counted

    examples = run.examples("test")
    count = len(examples["image"])
    if given.check >= count:
        raise UserError(f"--check={given.check}: must be below the {counted(count, 'image')} of the test split")
    print(f"{'':<10}{'bits/dim':>10}{'AUC by bits/dim':>18}{'AUC by oddness':>18}")
    for kind, found in detect(run.flow, examples, given.check, given.seed).items():
        areas = (found.by_bits_per_dim, found.by_oddness)
        print(f"{kind:<10}{found.bits_per_dim:>10.3f}" + "".join(f"{a:>18.3f}" for a in areas if a is not None))


main = Command(score, __doc__, FLAGS)
