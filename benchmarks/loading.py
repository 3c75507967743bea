"""Part "loading": how long programs take that import flowconv, or draw a first sample of a trained flow.

Each is a Python of its own, from its start to its end; what Python itself takes is measured beside them.
"""

import functools
import subprocess
import sys
import time

from benchmarks.alternate import alternate, median
from benchmarks.options import Options

PROGRAMS = {
    "nothing": "pass",
    "import": "import flowconv",
    "sample": 'import flowconv; flowconv.load("photos").sample(1, seed=0).numpy()',
}


def measure(options: Options) -> dict:
    """Returns in `loading` the medians of seconds by program, and all rounds."""
    rounds = alternate({name: functools.partial(_run, code) for name, code in PROGRAMS.items()}, options.rounds)
    medians = {name: median(answers) for name, answers in rounds.items()}
    print("\nloading: seconds of a process, from its start to its end")
    for name, seconds in medians.items():
        print(f"{name:<20}{seconds:>8.2f}", flush=True)
    return {"loading": {"medians": medians, "rounds": rounds}}


def _run(code: str) -> dict[str, float]:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return {"seconds": time.perf_counter() - start}
