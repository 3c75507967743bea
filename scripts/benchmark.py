"""Measures what training and sampling cost, against the convolutions alone and against other programs.

    python scripts/benchmark.py                                      all parts, at both sizes
    python scripts/benchmark.py --parts=speed --sizes=small --peers  with normflows, nflows and tfp.bijectors.Glow
    python scripts/benchmark.py --parts=startup --depths=8,48 --output=startup.json

Everything measured runs in a process of its own; rounds alternate between them, ratios are medians over the rounds.
Leave the machine alone meanwhile. The sizes: small is 32×32×3, K 8, L 3, width 128, batch 32; paper is K 32, L 3,
width 512, batch 16. Parts: speed (a training step, encoding, sampling) and startup. A name that ends in _over_X is
seconds divided by X's, one that ends in _vs_X is how many times as fast as X.
"""

import json
import os
import sys
from pathlib import Path

from absl import flags

from flowconv import command_line, configuration
from flowconv.benchmarks import machine
from flowconv.benchmarks.options import Options
from flowconv.benchmarks.parts import PARTS, merge
from flowconv.benchmarks.peers import environment
from flowconv.benchmarks.sizes import SIZES
from flowconv.errors import UserError
from flowconv.files import write_text

PARTS_WANTED = flags.DEFINE_list("parts", list(PARTS), "what is measured")
SIZES_WANTED = flags.DEFINE_list("sizes", list(SIZES), "at which sizes")
ROUNDS = flags.DEFINE_integer("rounds", 5, "alternated rounds; the medians count", 1)
PEERS = flags.DEFINE_bool("peers", False, "measure other programs too, in an environment of their own")
PEERS_ENVIRONMENT = flags.DEFINE_string(
    "peers_environment", str(environment.DEFAULT_FOLDER), "where that is, or is made"
)
BFLOAT16 = flags.DEFINE_enum(
    "bfloat16", "auto", ["auto", "on", "off"], "measure bfloat16 too; auto: where the processor multiplies it"
)
DEPTHS = flags.DEFINE_list("depths", ["8", "48"], "depths K whose start-up is measured")
OUTPUT = flags.DEFINE_string("output", None, "also write all figures and rounds as JSON to this file")


def main():
    parts, sizes = known("parts", PARTS_WANTED.value, PARTS), known("sizes", SIZES_WANTED.value, SIZES)
    for depth in DEPTHS.value:
        if not depth.isdigit() or int(depth) < 1:
            raise UserError(f"--depths={depth}: must be whole numbers of at least 1, such as 8,48")
    output = Path(OUTPUT.value).absolute() if OUTPUT.value else None
    if output and (output.is_dir() or not os.access(output.parent, os.W_OK)):
        raise UserError(f"--output={OUTPUT.value}: must be a file in a folder that can be written")
    options = Options(
        sizes=sizes,
        rounds=ROUNDS.value,
        peers=environment.prepare(Path(PEERS_ENVIRONMENT.value).expanduser().absolute()) if PEERS.value else None,
        bfloat16=BFLOAT16.value == "on" or (BFLOAT16.value == "auto" and machine.multiplies_bfloat16()),
        depths=tuple(int(depth) for depth in DEPTHS.value),
    )
    figures = {"command": sys.argv, "machine": machine.describe()}
    print(machine.line(figures["machine"]), flush=True)
    for measure in parts.values():
        figures = merge(figures, measure(options))
        if output:  # after each part, since what comes later may be stopped
            write_text(output, json.dumps(figures, indent=2) + "\n")


def known(flag: str, names: list[str], choices: dict) -> dict:
    """Returns the choices that were named.

    Raises:
      UserError: if there is none, or a name is unknown.
    """
    right = f"must be one or more of {','.join(choices)}"
    if not names:
        raise UserError(f"--{flag}=: {right}")
    for name in names:
        if name not in choices:
            raise UserError(f"--{flag}={name}: {right}{configuration.nearest(name, choices)}")
    return {name: choices[name] for name in names}


if __name__ == "__main__":
    command_line.run(main, __doc__, precision=lambda: None)  # each process that is measured chooses for itself
