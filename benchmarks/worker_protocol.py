"""The worker's side: one process, one system, asked for one action at a time.

Imports the standard library alone, so that programs of other environments can use it. A worker is started with its
settings as JSON in its first argument. Its stdout has one JSON line when it is ready, and then one for each line with
the name of an action on its stdin; whatever else is printed goes to stderr. It ends with its stdin.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import TextIO

from benchmarks.sizes import Size

WARM_UP = 2  # calls of each action before it counts: they trace, choose kernels, and fill the allocator
LONG_ENOUGH_SECONDS = 1.0  # of calls for one answer

Actions = dict[str, Callable[[], float]]


def serve(build: Callable[..., tuple[Actions, dict]]) -> None:
    """Runs a worker until its stdin ends.

    Args:
      build: called with the settings ("size" as a `Size`); returns actions by name, and facts for the ready line,
        such as its number of parameters. An action does its work and returns one number of its result.
    """
    channel = _own_stdout()
    settings = json.loads(sys.argv[1])
    settings["size"] = Size(**settings["size"])
    actions, facts = build(**settings)
    answer(actions, facts, sys.stdin, channel)


def answer(actions: Actions, facts: dict, questions: TextIO, answers: TextIO) -> None:
    """Warms up, writes the ready line, and answers each question with one line.

    The ready line is {"actions": […], "absent": {action: reason}, **facts}: an action that raises is absent. An
    answer is {"seconds": wall, "cpu_seconds": of all threads, "result": the action's number}, a mean of several calls.
    """
    absent = {}
    for name, act in actions.items():
        try:
            for _ in range(WARM_UP):
                act()
        except Exception as error:  # whatever another program can't do
            absent[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    ready = [name for name in actions if name not in absent]
    print(json.dumps({"actions": ready, "absent": absent, **facts}), file=answers, flush=True)
    for question in questions:
        act = actions[question.strip()]
        act()  # wakes threads and caches, which others had meanwhile: training is what happens after that
        count, cpu, wall = 0, time.process_time(), time.perf_counter()
        while count == 0 or time.perf_counter() - wall < LONG_ENOUGH_SECONDS:
            result = act()
            count += 1
        seconds, cpu_seconds = (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count
        answer = {"seconds": seconds, "cpu_seconds": cpu_seconds, "result": result}
        print(json.dumps(answer), file=answers, flush=True)


def _own_stdout() -> TextIO:
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel
