r"""Puts models side by side that scripts/run_exported_step.py has trained, where there was no TensorFlow.

    for variant in conv1x1 emerging; do
        python scripts/export_step.py --config=configs/cifar10.py --config.model.convolution=$variant \
            --seeds=3 --data --output=exported/$variant
        python3 run_exported_step.py exported/$variant --images=exported/$variant/images.npz >> results.jsonl
    done
    python scripts/compare_exported.py --results=results.jsonl --output=exported

--output gets table.csv, pairs.csv and pairs.md (differences from the first model, seed by seed), and rates.png
(bits/dim over the rate of sampling). about.json has all figures, with device and data set, and learning rates that were
tried. With run_exported_step.py's --evaluate_images there are figures on the way: then curves.png has validation
bits/dim over seconds of training, and --seconds takes the figures after equal seconds. These are seconds at the rates
in the table. --rates takes those from elsewhere: those of two cores for a model that was trained on a GPU, say. It is
needed where sampling was not exported.

A folder in --results is a model by its name: it holds finished runs of train.py, one a seed. Their test split was
scored at the end alone, so that --seconds takes runs that are as long.
"""

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command
from flowconv.errors import UserError
from flowconv.files import check_writable
from flowconv.paths import given_path

FLAGS = (
    flags.words("results", (), "files of lines that run_exported_step.py --images=… printed, or folders of runs"),
    shared_flags.output("the folder of tables and figures"),
    flags.path("rates", None, "a table.csv of compare.py, whose rates take the place of the device's own"),
    flags.number("seconds", None, "of training after which models are compared, in place of after all images", 0),
)


def compare_exported(given):
    if not given.results:
        raise UserError("--results is missing: name the files of what run_exported_step.py printed")
    if given.output is None:
        raise UserError("--output is missing: name the folder of tables and figures")
    output = given_path("--output", given.output)
    check_writable("--output", output)
    from experiments.comparison import exported  # flags are checked before TensorFlow is imported
    from flowconv.utils.console import say

    trainings = exported.read_trainings(given.results)
    rates = exported.read_rates(given.rates, list(trainings)) if given.rates else None
    for row in exported.tabulate(trainings, output, given.seconds, rates):
        rate = row["decode_images_per_second"]
        say(f"{row['variant']}: {row['bits_per_dim_mean']:.3f} bits/dim, {rate:,.0f} samples/s")
    say(f"Tables and figures are in {output}")


main = Command(compare_exported, __doc__, FLAGS)
