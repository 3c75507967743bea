"""Looks at everything that a run needs, on every rank, and prints what it found, with a cure for what is missing.

    python scripts/doctor.py --config=configs/cifar10.py --workdir=runs/cifar10
    horovodrun -np 4 python scripts/doctor.py --config=configs/imagenet64.py

Takes the flags of train.py and trains nothing. Ends with status 2 if something has to be cured first.
"""

import re
from typing import TYPE_CHECKING

from flowconv.cli import shared_flags
from flowconv.cli.command import Command
from flowconv.config import config_file
from flowconv.errors import UserError
from flowconv.utils.console import say

if TYPE_CHECKING:
    from flowconv.preflight.checks import Check

FLAGS = (shared_flags.workdir("folder of the run to be (default: as train.py's)"),)


def doctor(given, config):
    from flowconv import data, distributed, preflight
    from flowconv.workdir import Workdir

    distributed.initialize(config.distributed.fusion_megabytes)
    config = data.with_classes(config)
    workdir = Workdir(given.workdir or config_file.default_workdir(given.config))
    everyone = distributed.gather(preflight.run_checks(config, workdir))
    bad = [check.message for rows in everyone for check in rows if check.failed]
    if distributed.is_root():
        print_table(everyone)
    if bad:
        raise UserError(bad[0] + (f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""))


def print_table(everyone: "list[list[Check]]") -> None:
    """Prints each check once, with the ranks that found the same."""
    ranks_of: dict[Check, list[int]] = {}
    for rank, rows in enumerate(everyone):
        for check in rows:
            ranks_of.setdefault(check, []).append(rank)
    names = list(dict.fromkeys(check.name for check in ranks_of))
    for check in sorted(ranks_of, key=lambda check: names.index(check.name)):
        ranks = "" if len(everyone) == 1 else f" [rank {', '.join(map(str, ranks_of[check]))}]"
        line = re.fullmatch("(.*)[:;] (.*)", check.message) if check.failed else None
        say(f"{'CURE' if check.failed else 'ok':<5}{check.name:<15}{line[1] if line else check.message}{ranks}")
        if line:
            say(f"{'':<20}→ {line[2]}")


main = Command(doctor, __doc__, FLAGS, takes_config=True, takes_ranks=True)
