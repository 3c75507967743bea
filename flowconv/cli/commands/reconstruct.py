"""Shows images, what comes back of them from their latents, and the error, magnified (the paper's figure 1).

    python scripts/reconstruct.py --workdir=runs/photos
    python scripts/reconstruct.py --workdir=runs/photos --images=my_photos --count=8 --magnify=10000
    python scripts/reconstruct.py --workdir=runs/classes --images=a.png,b.png --class=cat,dog

Rows: originals, reconstructions, and the error, the largest of a pixel's channels, from black to white. What white is
the bar below says: the largest error, or with --magnify=N, 255/N of a pixel level. Of a run with model.condition=class
an image is encoded and decoded given its class, which --class tells.
"""

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command

FLAGS = (
    shared_flags.WORKDIR,
    shared_flags.MODEL,
    shared_flags.DATA_DIR,
    shared_flags.images("images (default: those of the run's test split)"),
    flags.words("class", (), "class of each image of --images, or one of all, with model.condition=class"),
    flags.whole("count", 12, "images", 1),
    flags.number("magnify", None, "the error is shown this many times as large", 1.0),
    shared_flags.output("folder for the picture (default: pictures/ in the workdir)"),
)


def reconstruct(given):
    from flowconv.evaluation import pictures
    from flowconv.inference import conditions, load
    from flowconv.utils.console import say
    from flowconv.utils.progress_bar import working
    from flowconv.workdir import pretrained

    workdir = pretrained.chosen(given.workdir, given.model)
    conditions.check_data_dir(given.data_dir, given.images)
    labels = conditions.labels_of(workdir, getattr(given, "class"), given.images)
    folder = workdir.results_folder(given.output, workdir.pictures)
    run = load.load_run(workdir, given.data_dir)
    examples = conditions.labelled(run.examples_of("images", given.images, given.count), labels)
    with working("encoding and decoding"):
        originals, back, error = pictures.reconstruct(run.flow, examples)
    sheet = pictures.reconstruction_sheet(originals, back, error, given.magnify, columns=12)
    pictures.save_sheet(folder / "reconstruction.png", sheet, run.facts)
    say(
        f"{folder}/reconstruction.png: largest error {error.max():.2g} of a pixel level, mean {error.mean():.2g}; "
        f"shown times {given.magnify or pictures.magnification(error):,.0f}"
    )


main = Command(reconstruct, __doc__, FLAGS)
