"""Writes a run as one HTML file, with everything in it: results, curves, samples, reconstructions, health, config.

    python scripts/report.py --workdir=runs/photos

The file needs nothing else: send it to somebody. It names the command, the commit and the machine, and the finished
runs in the folder of this one that were tested on the same images.
"""

import os

from flowconv.cli import shared_flags
from flowconv.cli.command import Command
from flowconv.errors import UserError
from flowconv.paths import given_path

FLAGS = (
    shared_flags.WORKDIR,
    shared_flags.MODEL,
    shared_flags.output("the file (default: report.html in the workdir)"),
)


def report(given):
    from flowconv.inference.html_report import write_report
    from flowconv.utils.console import say
    from flowconv.workdir import pretrained

    workdir = pretrained.chosen(given.workdir, given.model)
    if given.output is None:
        path = workdir.results_folder(None, workdir.path) / "report.html"
    else:
        path = given_path("--output", given.output)
    if os.path.isdir(path):
        raise UserError(f"--output={path}: is a folder; name a file")
    say(str(write_report(workdir, path)))


main = Command(report, __doc__, FLAGS)
