"""Measures what training and sampling cost, against the convolutions alone and against other programs.

    python scripts/benchmark.py
    python scripts/benchmark.py --parts=speed --sizes=small --peers
    python scripts/benchmark.py --parts=startup --depths=8,48 --output=startup.json
    python scripts/benchmark.py --parts=families --sweep=experiments/families.txt
    python scripts/benchmark.py --parts=sampling --workdir=runs/tarflow

The first measures all parts but sampling at both sizes. The second measures normflows, nflows, FrEIA and
tfp.bijectors.Glow, too, as their packages come. Those on PyTorch are measured tuned as well, with torch.compile and
channels_last. One that isn't compiled within minutes is left out, with a line that says so.

Parts: speed is a training step, encoding and sampling; networks is a training step with networks that have attention.
families is all of these for each flow of a sweep file, against what its own products and convolutions take, and its
memory. startup goes until the first step, loading until a first sample; compile is that of the step by XLA. memory is
what a step of flow and an image add, pipeline how fast batches come, scaling what a second rank brings. sampling is
that of a trained autoregressive flow, by every way its inverse can go.

Everything measured runs in a process of its own. Rounds alternate between them, ratios are medians over the rounds.
Leave the machine alone meanwhile. Images are 32×32×3, L is 3. Size small is K 8, width 128, batch 32; paper is K 32,
width 512, batch 16. A name that ends in _over_X is seconds divided by X's. One that ends in _vs_X is how many times as
fast as X.
"""

import json
import os
import sys
from datetime import date
from pathlib import Path

from benchmarks import machine
from benchmarks.configs import config_of
from benchmarks.options import Options
from benchmarks.peers import environment
from benchmarks.sizes import SIZES, SMALL
from benchmarks.suites import OF_A_RUN, SUITES, merge
from benchmarks.variants import of_flags
from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command
from flowconv.errors import UserError
from flowconv.files import write_text
from flowconv.workdir import Workdir, sessions

FAMILIES = Path(__file__).resolve().parents[2] / "experiments" / "families.txt"
FLAGS = (
    flags.several("parts", tuple(part for part in SUITES if part not in OF_A_RUN), "what is measured", tuple(SUITES)),
    flags.several("sizes", tuple(SIZES), "at which sizes", tuple(SIZES)),
    flags.whole("rounds", 5, "alternated rounds; the medians count", 1),
    flags.boolean("peers", False, "measure other programs too, in an environment of their own"),
    flags.path("peers_environment", str(environment.DEFAULT_FOLDER), "where that is, or is made"),
    flags.choice(
        "bfloat16", "auto", "measure bfloat16 too; auto: where the processor multiplies it", ("auto", "on", "off")
    ),
    flags.numbers("depths", (8, 48), "depths K whose start-up is measured", 1, int),
    flags.path("sweep", None, "the flows of part families, as compare.py has them (default: experiments/families.txt)"),
    flags.path("workdir", None, "the run whose samples are measured, of an autoregressive flow"),
    shared_flags.output("also write all figures and rounds as JSON to this file"),
)


def benchmark(given):
    output = Path(given.output).absolute() if given.output else None
    if output and (output.is_dir() or not os.access(output.parent, os.W_OK)):
        raise UserError(f"--output={given.output}: must be a file in a folder that can be written")
    if set(given.parts) & set(OF_A_RUN):
        check_run(given.workdir)
    elif given.workdir:
        raise UserError(f"--workdir={given.workdir}: is used with --parts={','.join(OF_A_RUN)}")
    options = Options(
        sizes={name: SIZES[name] for name in given.sizes},
        rounds=given.rounds,
        peers=environment.prepare(Path(given.peers_environment).expanduser().absolute()) if given.peers else None,
        bfloat16=given.bfloat16 == "on" or (given.bfloat16 == "auto" and machine.multiplies_bfloat16()),
        depths=given.depths,
        variants=variants_of(given.sweep or FAMILIES) if "families" in given.parts else {},
        workdir=str(Path(given.workdir).expanduser().absolute()) if given.workdir else None,
    )
    figures = {
        "command": sys.argv,
        "date": date.today().isoformat(),
        "commit": sessions.commit() or None,  # that is measured, with a mark if files differ from it
        "machine": machine.describe(),
    }
    print(machine.line(figures["machine"]), flush=True)
    for part in given.parts:
        figures = merge(figures, SUITES[part](options))
        if output:  # after each part, since what comes later may be stopped
            write_text(output, json.dumps(figures, indent=2) + "\n")


def variants_of(sweep):
    """Returns the configs of a sweep file's variants by name, for images and batches of the small size."""
    return {name: config for (name, _), config in of_flags(config_of(SMALL), None, sweep, 1).items()}


def check_run(path):
    """Refuses a run whose samples have one way only, or that take a condition."""
    workdir = Workdir(path)
    model = workdir.load_config().model
    for field, right in (("name", ("maf", "tarflow")), ("network", ("causal_transformer",)), ("condition", ("none",))):
        if model[field] not in right:
            held = f"holds a run of model.{field}={model[field]}"
            raise UserError(f"--workdir={path}: {held}; samples are measured of one of {' or '.join(right)}")


main = Command(benchmark, __doc__, FLAGS, precision=lambda given: None)
