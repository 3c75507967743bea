"""Looks at everything that a run needs, on every rank, and prints what it found with a cure for what is missing.

    python scripts/doctor.py --config=configs/cifar10.py --workdir=runs/cifar10
    horovodrun -np 4 python scripts/doctor.py --config=configs/imagenet64.py

Takes the flags of train.py and trains nothing. Ends with status 2 if something has to be cured first.
"""

from absl import flags

from flowconv import command_line
from flowconv.errors import UserError

WORKDIR = flags.DEFINE_string("workdir", "runs/photos", "folder of the run to be")


def main(config):
    from flowconv.training import distributed, preflight
    from flowconv.training.workdir import Workdir

    distributed.initialize(config.distributed.fusion_megabytes)
    everyone = distributed.gather(preflight.examine(config, Workdir(WORKDIR.value)))
    bad = [row for rows in everyone for row in rows if row.cure]
    if distributed.is_root():
        print_table(everyone)
    if bad:
        raise UserError(f"{bad[0].found}: {bad[0].cure}" + (f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""))


def print_table(everyone: list) -> None:
    """Prints each row once, with the ranks that found the same."""
    ranks_of = {}
    for rank, rows in enumerate(everyone):
        for row in rows:
            ranks_of.setdefault(row, []).append(rank)
    names = list(dict.fromkeys(row.name for row in ranks_of))
    for row in sorted(ranks_of, key=lambda row: names.index(row.name)):
        ranks = "" if len(everyone) == 1 else f" [rank {', '.join(map(str, ranks_of[row]))}]"
        print(f"{'CURE' if row.cure else 'ok':<5}{row.name:<15}{row.found}{ranks}")
        if row.cure:
            print(f"{'':<20}→ {row.cure}")


if __name__ == "__main__":
    command_line.run(main, __doc__, with_config=True)
