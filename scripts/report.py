"""Writes a run as one HTML file, with everything in it: results, curves, samples, reconstructions, config.

    python scripts/report.py --workdir=runs/photos

The file needs nothing else: send it to somebody.
"""

try:
    from flowconv import command_line, flags
    from flowconv.errors import UserError
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

WORKDIR = flags.workdir()
OUTPUT = flags.path("output", None, "the file (default: report.html in the workdir)")


def main():
    from pathlib import Path

    from flowconv.applications.report import write_report
    from flowconv.training.workdir import Workdir
    from flowconv.words import printable

    workdir = Workdir(WORKDIR.value)
    path = workdir.path / "report.html" if OUTPUT.value is None else Path(OUTPUT.value)
    if path.is_dir():
        raise UserError(f"--output={path}: is a folder; name a file")
    print(printable(write_report(workdir, path)))


if __name__ == "__main__":
    command_line.run(main, __doc__)
