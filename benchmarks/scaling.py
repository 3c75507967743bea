"""What a second rank brings: two ranks with a thread each against one with a thread, and where a step's time goes."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from benchmarks.options import Options
from benchmarks.sizes import Size

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 8.0  # of whole steps that a rank times in a round, about
RANKS = (1, 2)


def measure(options: Options) -> dict:
    """Returns scaling_efficiency by size, and in `scaling` all figures of each (see `measure_size`)."""
    results = {name: measure_size(size, options.rounds) for name, size in options.sizes.items()}
    print("\nscaling: 2 ranks × 1 thread against 1 rank × 1 thread; seconds of a step of 2 ranks")
    print("size    efficiency  images/s 1, 2      computing  waiting  allreduce  updating   MB in tensors")
    for name, row in results.items():
        rates = ", ".join(f"{rate:.1f}" for rate in row["images_per_second"].values())
        seconds = row["seconds"]
        print(
            f"{name:<8}{row['scaling_efficiency']:>10.3f}  {rates:<18}{seconds['computing']:>9.3f}"
            f"{seconds['waiting']:>9.3f}{seconds['allreduce']:>11.3f}{seconds['updating']:>10.3f}"
            f"{row['gradient_bytes'] / 1e6:>9.1f}{row['gradient_tensors']:>11}"
        )
    return {
        "scaling_efficiency": {name: row["scaling_efficiency"] for name, row in results.items()},
        "scaling": results,
    }


def measure_size(size: Size, rounds: int, overrides: Mapping[str, object] | None = None) -> dict:
    """Returns the figures of one size, medians over alternated rounds of one rank and two.

    Each rank is bound to a core of its own and so has one thread; every other round they change cores. In a round,
    each is asked for whole steps first, and then for steps in parts.

    Args:
      size: of model and batch.
      rounds: at least 1; every round starts its processes anew, under horovodrun.
      overrides: config fields that differ from the defaults, as {"distributed.compression": "fp16"}.

    Returns:
      scaling_efficiency (images/s of two ranks / twice those of one, the median of the rounds' ratios);
      images_per_second, of {"1": …, "2": …} ranks; seconds, of the parts of a step with two ranks: computing (both
      directions), waiting (for the slower rank, and what an exchange of nothing takes), allreduce (of the gradients
      after that), updating; computing_slowdown (seconds of computing with two ranks / with one: what the machine takes,
      not Horovod); gradient_bytes, and gradient_tensors, that a rank hands over in a step; rounds (what they are
      medians of).

    Raises:
      RuntimeError: if a run fails, with the end of what it said.
    """
    answers: dict[int, list[dict]] = {ranks: [] for ranks in RANKS}
    for number in range(rounds):
        for ranks in RANKS[:: -1 if number % 2 else 1]:
            answers[ranks].append(_run(size, ranks, number, overrides or {}))
    return _figures(answers)


def _figures(answers):
    one, two = (answers[ranks] for ranks in RANKS)
    ratios = [b["images_per_second"] / (2.0 * a["images_per_second"]) for a, b in zip(one, two, strict=True)]
    seconds = {part: statistics.median(answer["seconds"][part] for answer in two) for part in two[0]["seconds"]}
    computing = statistics.median(answer["seconds"]["computing"] for answer in one)
    rates = {ranks: [answer["images_per_second"] for answer in answers[ranks]] for ranks in RANKS}
    return {
        "scaling_efficiency": statistics.median(ratios),
        "images_per_second": {str(ranks): statistics.median(values) for ranks, values in rates.items()},
        "seconds": seconds,
        "computing_slowdown": seconds["computing"] / computing,
        "gradient_bytes": two[0]["gradient_bytes"],
        "gradient_tensors": two[0]["gradient_tensors"],
        "rounds": {str(ranks): values for ranks, values in answers.items()},
    }


def _run(size, ranks, number, overrides):
    """One process a rank; returns what the first one reports."""
    settings = {"size": asdict(size), "seconds": SECONDS, "round": number, "overrides": dict(overrides)}
    command = ["horovodrun", "--gloo", "-np", str(ranks), sys.executable, "-m", "benchmarks.scaling_worker"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "TF_CPP_MIN_LOG_LEVEL": "2"}
    result = subprocess.run(
        [*command, json.dumps(settings)], capture_output=True, encoding="utf-8", cwd=ROOT, env=environment
    )
    answers = [line for line in result.stdout.splitlines() if "FIGURES " in line]
    if result.returncode or not answers:
        raise RuntimeError(f"{ranks} ranks ended with status {result.returncode}: {result.stderr[-2000:]}")
    return json.loads(answers[-1].split("FIGURES ", 1)[1])  # (horovodrun puts the rank before it)
