"""Shows images, what comes back of them from their latents, and the error, magnified (the paper's figure 1).

    python scripts/reconstruct.py --workdir=runs/photos
    python scripts/reconstruct.py --workdir=runs/photos --images=my_photos --count=8 --magnify=10000

Rows: originals, reconstructions, |error| times --magnify on a scale from black to white. Without --magnify the largest
error is white.
"""

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command

FLAGS = (
    shared_flags.WORKDIR,
    shared_flags.DATA_DIR,
    shared_flags.images("images (default: those of the run's test split)"),
    flags.whole("count", 12, "images", 1),
    flags.number("magnify", None, "the error is shown this many times as large", 1.0),
    shared_flags.output("folder for the picture (default: pictures/ in the workdir)"),
)


def reconstruct(given):
    import numpy as np

    from flowconv.evaluation import pictures
    from flowconv.inference import load
    from flowconv.utils.console import say
    from flowconv.workdir import Workdir

    workdir = Workdir(given.workdir)
    if given.images is not None:
        load.refuse_condition(workdir, "reconstruct.py --images", ("class",))
    folder = workdir.results_folder(given.output, workdir.pictures)
    run = load.load_run(workdir.path, given.data_dir)
    examples = run.examples_of("images", given.images, given.count)
    x, condition = run.flow.dequantize_midpoint(examples["image"]), run.flow.condition_of(examples)
    back = run.flow.decode(run.flow.encode(x, condition), condition)
    error = np.abs(back.numpy() - x.numpy()) * 2.0**run.flow.n_bits  # in pixel levels
    known = np.isfinite(error)
    magnify = given.magnify or 255 / max(float(error.max(where=known, initial=0.0)), 1e-9)
    shown = np.where(known, np.clip(error * magnify, 0, 255), 255).astype(np.uint8)
    rows = np.concatenate([run.flow.to_images(x), pictures.shown(run.flow, back), shown])
    pictures.save(folder / "reconstruction.png", pictures.grid(rows, columns=len(x)), least_side=400)
    say(
        f"{folder}/reconstruction.png: largest error {error.max():.2g} of a pixel level, mean {error.mean():.2g}; "
        f"shown times {magnify:,.0f}"
    )


main = Command(reconstruct, __doc__, FLAGS)
