"""Parts of the benchmark, by the names that --parts takes.

A part is a function of the options that measures, prints its table and returns figures; those of all parts go into one
JSON, where dictionaries of the same name (a size's) are merged. None imports TensorFlow: what they measure does.
"""

from collections.abc import Callable

from benchmarks import families, loading, memory, networks, pipeline, sampling, scaling, speed, startup, xla_compile
from benchmarks.options import Options

SUITES: dict[str, Callable[[Options], dict]] = {
    "speed": speed.measure,
    "networks": networks.measure,
    "families": families.measure,
    "startup": startup.measure,
    "loading": loading.measure,
    "compile": xla_compile.measure,
    "memory": memory.measure,
    "pipeline": pipeline.measure,
    "scaling": scaling.measure,
    "sampling": sampling.measure,
}
OF_A_RUN = ("sampling",)  # which need one that was trained


def merge(figures: dict, more: dict) -> dict:
    """Returns all figures of both; of dictionaries that both have, all entries."""
    merged = figures | more
    for name in figures.keys() & more.keys():
        if isinstance(figures[name], dict) and isinstance(more[name], dict):
            merged[name] = merge(figures[name], more[name])
    return merged
