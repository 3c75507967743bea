"""Tables of docs/results/, made from its committed JSON and CSV: one date and one commit a table.

performance.py    what scripts/benchmark.py measured
comparisons.py    what compare.py and compare_exported.py found
devices.py        what exported programs gave where there is no TensorFlow
files.py          what all of them need
"""

import functools
from collections.abc import Callable

from tools.tables import comparisons, devices, performance
from tools.tables.files import RESULTS, markdown, read, with_source


def measurement(name: str) -> str:
    """Returns the table that measurements/NAME.json holds row by row."""
    path = f"measurements/{name}.json"
    found = read(path)
    commit = f"commit {found['commit']}" if "commit" in found else f"recorded in commit {found['recorded_in']}"
    rows = [
        [
            str(value) if not form else "" if value is None else form.format(value).replace("-", "−")
            for value, form in pairs
        ]
        for pairs in (list(zip(row, found["formats"], strict=True)) for row in found["rows"])
    ]
    return with_source(markdown(found["columns"], rows), found["machine"], found["date"], commit, path)


TABLES: dict[str, Callable[[], str]] = {
    **{
        f"{path.stem}": functools.partial(measurement, path.stem)
        for path in sorted((RESULTS / "measurements").glob("*.json"))
    },
    **{
        f"{name} {kind}": functools.partial(make, kind)
        for name, make in {
            "speed ratios": performance.speed_ratios,
            "speed seconds": performance.speed_seconds,
            "startup": performance.startup,
            "scaling": performance.scaling,
        }.items()
        for kind in ("amx", "avx2")
    },
    "loading amx": functools.partial(performance.loading, "amx"),
    "bfloat16 speed": performance.bfloat16_speed,
    **{
        f"{name} {path.parent.name}": functools.partial(make, path.parent.name)
        for name, make in {"sampling": performance.sampling, "families": performance.families}.items()
        for path in sorted((RESULTS / "performance").glob(f"*/{name}.json"))
    },
    **{
        f"comparison {path.name}": functools.partial(comparisons.comparison, path.name)
        for path in sorted((RESULTS / "comparisons").glob("*"))
    },
    **{f"on the way {name}": functools.partial(comparisons.on_the_way, name) for name in ("families_90_seconds",)},
    **{
        f"exported steps {path.parent.name}": functools.partial(devices.exported_steps, path.parent.name)
        for path in sorted((RESULTS / "performance").glob("*/steps.jsonl"))
    },
    **{f"trainings {kind}": functools.partial(devices.trainings, kind) for kind in ("nets", "fam")},
    "variants": comparisons.variants,
    "layers": comparisons.layers,
}
