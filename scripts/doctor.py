"""Looks at everything that a run needs, on every rank, and prints what it found, with a cure for what is missing.

    python scripts/doctor.py --config=configs/cifar10.py --workdir=runs/cifar10
    horovodrun -np 4 python scripts/doctor.py --config=configs/imagenet64.py

Takes the flags of train.py and trains nothing. Ends with status 2 if something has to be cured first.
"""

import re

try:
    from flowconv import command_line, experiment, flags
    from flowconv.errors import UserError
    from flowconv.words import printable
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

WORKDIR = flags.path("workdir", None, "folder of the run to be (default: as train.py's)")


def main(config):
    from flowconv.training import distributed, preflight
    from flowconv.training.workdir import Workdir

    distributed.initialize(config.distributed.fusion_megabytes)
    everyone = distributed.gather(preflight.examine(config, Workdir(WORKDIR.value or experiment.default_workdir())))
    bad = [row.found for rows in everyone for row in rows if row.wrong]
    if distributed.is_root():
        print_table(everyone)
    if bad:
        raise UserError(bad[0] + (f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""))


def print_table(everyone: list) -> None:
    """Prints each row once, with the ranks that found the same."""
    ranks_of = {}
    for rank, rows in enumerate(everyone):
        for row in rows:
            ranks_of.setdefault(row, []).append(rank)
    names = list(dict.fromkeys(row.name for row in ranks_of))
    for row in sorted(ranks_of, key=lambda row: names.index(row.name)):
        ranks = "" if len(everyone) == 1 else f" [rank {', '.join(map(str, ranks_of[row]))}]"
        line = re.fullmatch("(.*)[:;] (.*)", row.found) if row.wrong else None
        print(f"{'CURE' if row.wrong else 'ok':<5}{row.name:<15}{printable(line[1] if line else row.found)}{ranks}")
        if line:
            print(f"{'':<20}→ {printable(line[2])}")


if __name__ == "__main__":
    command_line.run(main, __doc__, with_config=True)
