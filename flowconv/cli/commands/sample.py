"""Draws samples from a trained flow: a grid for each temperature, or single files.

    python scripts/sample.py --workdir=runs/photos
    python scripts/sample.py --workdir=runs/photos --temperatures=0.7,0.9 --count=64 --seed=1
    python scripts/sample.py --workdir=runs/photos --count=1000 --files --output=samples
    python scripts/sample.py --workdir=runs/classes --count=200
    python scripts/sample.py --workdir=runs/classes --class=cat
    python scripts/sample.py --workdir=runs/enlarge --images=photos --count=9

The same seed gives the same samples. Lower temperatures are cleaner and less varied; at 0 all are alike, and the grid
has one.

Runs of autoregressive flows invert their layers all at once, by iteration (--segments=1). With a causal transformer
that is also done in parts of the order, one after the other: with as many as an image has patches, patch by patch.

--guidance=W makes samples of autoregressive flows likelier, and less varied. Each layer's parameters p become
p + W·(p − q), with q those of a weaker network: that without the class, in runs with model.label_dropout, or that with
an attention whose logits are divided by --attention_temperature. --denoise takes the noise out of samples of a run with
model.dequantization=gaussian, which learnt noisy images.

Of a run with model.condition=class each class has a row of the grid, with its name and 8 samples. Of more than 50
classes it has fewer; --class names one. Of a run with model.condition=low_resolution samples are super-resolution: of
each image its 4× smaller version, a sample of what that may be, and the image itself stand side by side.
"""

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command

FLAGS = (
    shared_flags.WORKDIR,
    shared_flags.MODEL,
    flags.whole("count", None, "images a temperature (default: 36, or 8 of each class)", 1),
    flags.numbers("temperatures", (0.5, 0.7, 0.9, 1.0), "standard deviations of the latents", 0.0),
    flags.text("class", None, "name or number of the class, with model.condition=class (default: each has a row)"),
    shared_flags.images("what to enlarge, with model.condition=low_resolution (default: the test split)"),
    shared_flags.DATA_DIR,
    shared_flags.seed("of the draw"),
    flags.whole("segments", None, "of an order, one after the other, in autoregressive layers (default: the run's)", 1),
    flags.number("guidance", 0.0, "weight of guidance, of autoregressive flows; 0: none", 0.0),
    flags.number("attention_temperature", 1.0, "of the weaker network of guidance; 1: that of the run", 0.0),
    flags.boolean("denoise", False, "take the noise out that the run was trained with"),
    flags.boolean("files", False, "write each image to a file of its own instead of grids"),
    shared_flags.output("folder for the pictures (default: pictures/ in the workdir)"),
)


def sample(given):
    from flowconv.evaluation import pictures
    from flowconv.inference import conditions, load, sampling
    from flowconv.utils.console import say
    from flowconv.workdir import pretrained

    workdir = pretrained.chosen(given.workdir, given.model)
    folder = workdir.results_folder(given.output, workdir.pictures)
    label = conditions.check_flags(workdir, getattr(given, "class"), given.images)
    conditions.check_data_dir(given.data_dir, given.images, workdir)
    guidance = conditions.check_guidance(workdir, given.guidance, given.attention_temperature)
    denoised = conditions.check_denoise(workdir) if given.denoise else 0.0
    ending, how = ways(workdir, label, given)
    names = {temperature: f"samples-{temperature:g}{ending}" for temperature in given.temperatures}
    if given.files:
        for name in names.values():
            load.free_folder("output", folder / name)
    run = load.load_run(workdir, given.data_dir, given.segments)
    asked = conditions.samples_of(run, label, given.images, given.count)
    for temperature, name in names.items():
        drawn = asked if given.files else asked.at(temperature)
        images = sampling.sample(
            run.flow, drawn.count, temperature, given.seed, drawn.condition, guidance=guidance, denoised=denoised
        )
        facts = run.facts | {"temperature": f"{temperature:g}", "seed": given.seed} | how
        if given.files:
            say(sampling.save(images, folder, name, facts))
        else:
            title = pictures.sample_title(drawn.count, temperature, given.seed, how)
            pictures.save_sheet(folder / f"{name}.png", sampling.sheet_of(images, drawn, title), facts)
            say(f"{folder / name}.png")


def ways(workdir, label, given) -> tuple[str, dict[str, str]]:
    """Returns the end of names of files, and words for pictures, that tell samples from others of their temperature."""
    from flowconv.inference import conditions

    ending, how = "", conditions.class_facts(workdir, label)
    if label is not None:
        ending += f"-class-{label}"
    if given.guidance:
        how["guidance"] = f"{given.guidance:g}"
        ending += f"-guidance-{given.guidance:g}"
    if given.attention_temperature != 1.0:
        how["attention temperature"] = f"{given.attention_temperature:g}"
        ending += f"-attention-{given.attention_temperature:g}"
    if given.denoise:
        how["noise"] = "taken out"
        ending += "-denoised"
    return ending, how


main = Command(sample, __doc__, FLAGS)
