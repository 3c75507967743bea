"""Gives images more or less of an attribute: adds the direction z_pos − z_neg to their latents.

    python scripts/manipulate.py --workdir=runs/photos --positive=bright --negative=dark
    python scripts/manipulate.py --workdir=runs/photos --labels=labels.csv --images=mine --strengths=-1,-0.5,0,0.5,1

--positive and --negative are folders of images with the attribute and without it; docs/how_to/use_a_trained_flow.md
makes these two from the images of the run. --labels is a CSV file instead, a line for each image: its path (from the
file's own folder), a comma, and 1 or 0. Of a run with model.condition=class all images that flags name are of the one
--class.
"""

from pathlib import Path

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command

FLAGS = (
    shared_flags.WORKDIR,
    shared_flags.MODEL,
    shared_flags.DATA_DIR,
    shared_flags.images("images that have the attribute", "positive"),
    shared_flags.images("images that don't", "negative"),
    flags.path("labels", None, "CSV file that says which images have it, in place of both"),
    shared_flags.images("images to change (default: those of the run's test split)"),
    flags.text("class", None, "class of the images that flags name, with model.condition=class"),
    flags.whole("count", 8, "images changed", 1),
    flags.numbers("strengths", (-1.0, -0.5, 0.0, 0.5, 1.0), "how much of the direction is added"),
    shared_flags.output("folder for the picture (default: pictures/ in the workdir)"),
)


def manipulate(given):
    import numpy as np

    from flowconv.errors import UserError
    from flowconv.evaluation import pictures
    from flowconv.evaluation.sheets import Sheet
    from flowconv.inference import conditions, interpolation, load
    from flowconv.utils.console import say
    from flowconv.utils.progress_bar import working
    from flowconv.words import counted
    from flowconv.workdir import pretrained

    for name in ("positive", "negative"):
        if given.labels and (other := getattr(given, name)):
            raise UserError(f"--labels={given.labels}: takes the place of --{name}={other}; give one of them")
    workdir = pretrained.chosen(given.workdir, given.model)
    conditions.check_data_dir(given.data_dir, given.images)
    label = conditions.check_flags(workdir, getattr(given, "class"), None)
    if label is None and workdir.load_config().model.condition == "class":
        raise UserError("--class is missing: name the class of the images that flags name")
    folder = workdir.results_folder(given.output, workdir.pictures)
    run = load.load_run(workdir, given.data_dir)
    if given.labels:
        positive, negative = load.read_labels("labels", given.labels, run.config.data)
    else:
        _, positive = load.read_images("positive", given.positive, run.config.data)
        _, negative = load.read_images("negative", given.negative, run.config.data)
    examples = run.examples_of("images", given.images, given.count)

    def condition_of(examples):
        named = label is not None and "label" not in examples
        labels = np.full(len(examples["image"]), label, np.int32) if named else None
        return run.flow.condition_of(conditions.labelled(examples, labels))

    of_both = condition_of({"image": positive}), condition_of({"image": negative})
    condition = condition_of(examples)
    with working("encoding and decoding"):
        direction = interpolation.attribute_direction(run.flow, positive, negative, conditions=of_both)
        rows = interpolation.manipulate(run.flow, examples["image"], direction, given.strengths, condition)
    headings = [f"{strength:+g}" if strength else "0, as it is" for strength in given.strengths]
    attribute = Path(given.labels or given.positive).name
    title = f"Less and more of {attribute}"
    sheet = Sheet(np.concatenate(rows), len(given.strengths), title, headings=headings)
    facts = run.facts | conditions.class_facts(workdir, label)
    pictures.save_sheet(folder / "manipulation.png", sheet, facts)
    shown = counted(len(positive), "image")
    say(f"{folder}/manipulation.png: {shown} with the attribute, {len(negative):,} without")


main = Command(manipulate, __doc__, FLAGS)
