"""Tables of docs/results/, made from its committed JSON and CSV: one date and one commit a table."""

import csv
import functools
import json
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent.parent / "docs/results"
PEERS = {
    "normflows": "normflows {normflows} (PyTorch {torch})",
    "nflows": "nflows {nflows} (PyTorch {torch})",
    "tfp": "`tfp.bijectors.Glow` (TFP {tensorflow-probability})",
}
TUNED = {f"{peer} tuned": f"{peer}, tuned" for peer in ("normflows", "nflows")}
FLOORS = {
    "amx": {
        "`tf.nn.conv2d`, the same kernels": ("own floor conv2d", "train_over_own_floor"),
        "`tf.nn.conv2d`, as TensorFlow comes": ("floor conv2d", "train_over_floor"),
        "products of matrices": ("floor products", "train_over_fast_floor"),
    },
    # Without AVX-512 TensorFlow comes with its own kernels.
    "avx2": {
        "`tf.nn.conv2d`, as TensorFlow comes": ("floor conv2d", "train_over_floor"),
        "products of matrices": ("floor products", "train_over_fast_floor"),
    },
}
TASKS = {"train": "step", "encode": "encoding", "sample": "sampling"}
FAMILY_FLOORS = {"fast_floor": "its products", "own_floor": "`tf.nn.conv2d`", "floor": "the same with oneDNN"}
SIZES = ("small", "paper")
SCORE_OF = {"raw": "test_bits_per_dim", "averaged": "test_bits_per_dim_ema"}  # the better weights' own
RATE = "{:,.0f}"  # but two digits of what is below 10
COMPARED = {  # the columns of a comparison that are shown: their headings and formats
    "parameters": ("parameters", "{:,.0f}"),
    "learning_rate_factor": ("learning rate", "× {:g}"),
    "images_trained": ("training images", "{:,.0f}"),
    "train_images_per_second": ("training", RATE),
    "encode_images_per_second": ("encoding", RATE),
    "decode_images_per_second": ("decoding", RATE),
    "max_condition_number": ("condition number", "{:.3g}"),
    "max_reconstruction_error": ("reconstruction error", "{:.2g}"),
    "peak_bytes": ("MB", "{:,.0f}"),
}
UNLIKE = 1.1  # the most memory over the least, from which on it is shown


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table, its first column to the left and the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def read(path: str) -> dict[str, Any]:
    """Returns a JSON of docs/results/."""
    return json.loads((RESULTS / path).read_text(encoding="utf-8"))


def with_source(table: str, machine: str, date: str, commit: str, *paths: str) -> str:
    """Returns a table with a line of where and when it was measured."""
    files = ", ".join(f"[{path.rsplit('/', 1)[-1]}]({path})" for path in paths)
    return f"{table}\n\n*{machine}, {date}, {commit}: {files}*"


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


def _of_benchmarks(kind, paths, table):
    """A table with the source that its JSONs name, which must be one."""
    ((date, commit),) = {(read(path)["date"], read(path)["commit"]) for path in paths}
    return with_source(table, kind.upper(), date, f"commit {commit}", *paths)


def _speeds(kind):
    """The paths of a machine's speed JSONs, and their figures by sizes."""
    paths = [f"performance/{kind}/{size}.json" for size in SIZES]
    return paths, {size: read(path)[size] for size, path in zip(SIZES, paths, strict=True)}, read(paths[0])


def speed_ratios(kind: str) -> str:
    """Returns ratios of seconds, and of CPU seconds, with their aims."""
    paths, figures, _ = _speeds(kind)
    names = {f"training / floor by {name}": ratio for name, (_, ratio) in FLOORS[kind].items()}
    names |= {
        "inverted / stored": "invert_over_store",
        "training, times as fast as the best other program": "train_vs_best_peer",
        "encoding, times as fast": "encode_vs_best_peer",
        "sampling, times as fast": "sample_vs_best_peer",
        "training, times as fast as the best one tuned": "train_vs_best_tuned_peer",
        "encoding, times as fast as it": "encode_vs_best_tuned_peer",
        "sampling, times as fast as it": "sample_vs_best_tuned_peer",
    }
    aims = {
        "train_over_floor": ("≤ 1.15", "≤ 1.08"),
        "train_over_own_floor": ("≤ 1.15", "≤ 1.08"),
        "invert_over_store": ("≤ 1.25", "≤ 1.25"),
        "train_vs_best_peer": ("≥ 1.8", "≥ 1.45"),
        "sample_vs_best_peer": ("≥ 1.8", ""),
        "train_vs_best_tuned_peer": ("≥ 1.3", "≥ 1.15"),
    }
    rows = [
        [
            label,
            *(
                cell
                for size, aim in zip(SIZES, aims.get(name, ("", "")), strict=True)
                for cell in _ratio(figures[size], name, aim)
            ),
        ]
        for label, name in names.items()
        if any(name in figures[size] for size in SIZES)  # older files have none of the tuned
    ]
    return _of_benchmarks(
        kind, paths, markdown(["ratio of seconds (of CPU seconds)", "small", "aim", "paper", "aim"], rows)
    )


def speed_seconds(kind: str) -> str:
    """Returns seconds, and CPU seconds, of everything that was measured."""
    paths, figures, first = _speeds(kind)
    versions = first["machine"]["versions"] | first["small"]["versions"]
    versions["torch"] = versions["torch"].partition("+")[0]
    names = {f"floor, {name}": floor for name, (floor, _) in FLOORS[kind].items()}
    names |= {"flowconv, training, stored": "store train", "flowconv, training, inverted": "invert train"}
    if "bf16 train" in figures["small"]["cpu_seconds"]:
        names |= {"flowconv, training, stored, bfloat16": "bf16 train"}
    peers = {peer: label.format_map(versions) for peer, label in PEERS.items()}
    names |= {f"{label}, training": f"{peer} train" for peer, label in (peers | TUNED).items()}
    short = {peer: label.partition(" ")[0] for peer, label in peers.items()} | TUNED
    for what, key in (("encoding", "encode"), ("sampling", "sample")):
        names |= {f"flowconv, {what}": f"store {key}"}
        names |= {f"{label}, {what}": f"{peer} {key}" for peer, label in short.items()}
    rows = [
        [label, *(_seconds(figures[size], name, digits) for size, digits in zip(SIZES, (3, 2), strict=True))]
        for label, name in names.items()
        if any(name in figures[size]["rounds"] for size in SIZES)
    ]
    owners = {"store": "flowconv"} | {peer: label.partition(" ")[0] for peer, label in peers.items()}
    for owner, label in owners.items():
        millions = (f"{figures[size]['parameters'][owner] / 1e6:.2f}" for size in SIZES)
        rows.append([f"million parameters, {label}", *millions])
    return _of_benchmarks(kind, paths, markdown(["seconds (CPU seconds)", *SIZES], rows))


def bfloat16_speed() -> str:
    """Returns how many times as fast bfloat16 networks make training."""
    paths, figures, _ = _speeds("amx")
    names = {
        "as float32": ("bf16_vs_float32", "≥ 2"),
        "as the best other program, in float32": ("bf16_train_vs_best_peer", "≥ 2.5"),
    }
    rows = [
        [
            label,
            *(_two(figures[size][name], figures[size]["of_cpu_seconds"][name]) for size in SIZES),
            _aim(figures["paper"][name], aim),
        ]
        for label, (name, aim) in names.items()
    ]
    return _of_benchmarks(
        "amx", paths, markdown(["times as fast in training (of CPU seconds)", "small", "paper", "aim at paper"], rows)
    )


def startup(kind: str) -> str:
    """Returns the seconds to the end of the first step, and of what."""
    path = f"performance/{kind}/startup.json"
    names = {
        "startup": "from process start",
        "importing": "importing",
        "building": "building",
        "tracing": "tracing and initializing",
        "first_step": "first step, less an ordinary one",
        "step": "ordinary step",
    }
    rows = [
        [depth, *(f"{medians[name]:.1f}" for name in names)]
        for depth, medians in read(path)["startup"]["medians"].items()
    ]
    return _of_benchmarks(kind, [path], markdown(["K", *names.values()], rows))


def scaling(kind: str) -> str:
    """Returns what two ranks bring, and where a step's time goes."""
    path = f"performance/{kind}/scaling.json"
    sizes = read(path)["scaling"]
    digits = {"small": 3, "paper": 2}
    names = {
        "seconds of a step: computing": "computing",
        "waiting for the slower rank": "waiting",
        "allreduce": "allreduce",
        "updating": "updating",
    }
    rows = [["images/s, of twice one rank", *(f"{found['scaling_efficiency']:.2f}" for found in sizes.values())]]
    for label, name in names.items():
        rows.append(
            [
                label,
                *(
                    f"{found['seconds'][name]:.{digits[size] if name == 'computing' else 3}f}"
                    for size, found in sizes.items()
                ),
            ]
        )
    rows.append(
        ["computing, times as long as alone", *(f"{found['computing_slowdown']:.2f}" for found in sizes.values())]
    )
    rows.append(
        [
            "gradients, MB in tensors",
            *(f"{found['gradient_bytes'] / 1e6:.1f} in {found['gradient_tensors']}" for found in sizes.values()),
        ]
    )
    return _of_benchmarks(kind, [path], markdown(["two ranks × 1 thread against one rank × 1 thread", *sizes], rows))


def sampling(kind: str) -> str:
    """Returns the rates of an autoregressive flow's samples, by the ways of its inverse."""
    path = f"performance/{kind}/sampling.json"
    rows = [
        [way, f"{figures['images_per_second']:.2f}", f"{figures['times_as_fast']:.2f}"]
        for way, figures in read(path)["sampling"]["ways"].items()
    ]
    return _of_benchmarks(kind, [path], markdown(["tokens", "images/s", "times as fast as the first"], rows))


def families(kind: str) -> str:
    """Returns each family's rates, its seconds over those of its own products, and the memory of its training."""
    path, over = f"performance/{kind}/families.json", ("fast_floor", "own_floor", "floor")
    columns = [(task, floor) for task in ("train", "encode", "sample") for floor in over]
    columns = [each for each in columns if each[1] != "floor" or each[0] == "train"]
    header = ["family", "training", "MB", "encoding"]
    header += [f"{TASKS[task]} over {FAMILY_FLOORS[floor]}" for task, floor in columns]
    rows = [
        [
            name,
            *(RATE.format(figures["images_per_second"]["train"]), f"{figures['peak_megabytes']:,.0f}"),
            RATE.format(figures["images_per_second"]["encode"]),
            *(f"{figures[f'{task}_over_{floor}']:.2f}" for task, floor in columns),
        ]
        for name, figures in read(path)["families"].items()
    ]
    return _of_benchmarks(kind, [path], markdown(header, rows))


def variants() -> str:
    """Returns the table of the comparison."""
    rows = [
        [
            row["variant"],
            f"{float(row['bits_per_dim_mean']):.3f} ± {float(row['bits_per_dim_std']):.3f}",
            f"{int(row['parameters']):,}",
            *(f"{float(row[f'{way}_images_per_second']):.0f}" for way in ("train", "encode", "decode")),
            f"{float(row['max_condition_number']):.3g}",
            f"{float(row['max_reconstruction_error']):.2g}",
        ]
        for row in _csv("comparison/table.csv")
    ]
    header = [
        "variant",
        "test bits/dim",
        "parameters",
        "training",
        "encoding",
        "decoding",
        "condition number",
        "reconstruction error",
    ]
    commit = "trained at commit 7974711, speeds at b4b19e5"
    return with_source(markdown(header, rows), "AVX2", "2026-11-22", commit, "comparison/table.csv")


def comparison(name: str) -> str:
    """Returns the tables of comparisons/NAME: table.csv and pairs.csv, beside about.json.

    All are as compare.py or compare_exported.py wrote them, which write no pairs of one seed.
    """
    path = f"comparisons/{name}"
    about, rows = read(f"{path}/about.json"), _csv(f"{path}/table.csv")
    memory = about.get("peak_bytes", {})  # which nobody measures on CPUs
    if memory and all(memory.values()) and max(memory.values()) >= UNLIKE * min(memory.values()):
        rows = [row | {"peak_bytes": memory[row["variant"]] / 1e6} for row in rows]
    shown = {column: kind for column, kind in COMPARED.items() if any(row.get(column) for row in rows)}
    table = [
        [
            row["variant"],
            f"{float(row['bits_per_dim_mean']):.3f}"
            + (f" ± {float(row['bits_per_dim_std']):.3f}" if int(row["seeds"]) > 1 else ""),
            *(_cell(row[column], form) for column, (_, form) in shown.items()),
        ]
        for row in rows
    ]
    headings = ["variant", "test bits/dim", *(heading for heading, _ in shown.values())]
    tables, source = markdown(headings, table), [about["machine"], about["date"], f"commit {about['commit']}"]
    if int(rows[0]["seeds"]) == 1:
        return with_source(tables, *source, f"{path}/table.csv")
    header, *pairs = _lines(f"{path}/pairs.csv")
    differences = [
        [name, *(f"{float(value):+.3f}".replace("-", "−") for value in values), f"{float(noise):.3f}"]
        for name, *values, noise in pairs
    ]
    tables += f"\n\n{markdown(header, differences)}"
    return with_source(tables, *source, f"{path}/table.csv", f"{path}/pairs.csv")


def on_the_way(name: str) -> str:
    """Returns validation bits/dim of comparisons/NAME after parts of equal seconds, means over seeds."""
    path = f"comparisons/{name}/about.json"
    about = read(path)
    found = {variant: [run["evaluations"] for run in runs] for variant, runs in about["runs"].items()}
    (count,) = {len(run) for runs in found.values() for run in runs}
    rows = []
    for variant, runs in found.items():
        columns = [[_lowest(each) for each in points] for points in zip(*runs, strict=True)]
        means = [f"{statistics.mean(column):.3f}" for column in columns]
        rows.append([variant, *means])
    parts = [f"after {about['seconds'] * (number + 1) / count:.3g} s" for number in range(count)]
    table = markdown(["validation bits/dim", *parts], rows)
    return with_source(table, about["machine"], about["date"], f"commit {about['commit']}", path)


def _lowest(evaluation):
    """The validation bits/dim of the better weights."""
    figures = (evaluation["validation_bits_per_dim"], evaluation["validation_bits_per_dim_ema"])
    return min(figure for figure in figures if figure is not None)


def _cell(text, form):
    """A figure of table.csv as a table shows it."""
    if not text:
        return ""
    if not math.isfinite(float(text)):
        return "not finite"
    return f"{float(text):.2g}" if form is RATE and float(text) < 10 else form.format(float(text))


def trainings(kind: str) -> str:
    """Returns the table of measurements/trained_h100.jsonl of one kind, "nets" or "fam": seeds 0 and 1."""
    path, rows = "measurements/trained_h100.jsonl", []
    for line in (RESULTS / path).read_text(encoding="utf-8").splitlines():
        each = json.loads(line)
        folder, name = each["export"].replace("conv/shift", "nets/affine-glow").split("/")
        if folder == kind:
            bits = [run[SCORE_OF[run["better_weights"]]] for run in each["runs"][:2]]
            factor = [f"× {each['learning_rate_factor']:g}"] if kind == "fam" else []
            cells = [name.replace("-", " × "), f"{each['parameters']:,}", *factor]
            rows.append([*cells, *(f"{value:.3f}" for value in (*bits, statistics.mean(bits)))])
    rows.sort(key=lambda row: float(row[-1]))
    factor = ["learning rate"] if kind == "fam" else []
    header = ["model", "parameters", *factor, "seed 0", "seed 1", "test bits/dim, mean"]
    return with_source(
        markdown(header, rows), "NVIDIA H100 80GB HBM3, jax 0.11.2", "2026-11-27", "commit 466a899", path
    )


def exported_steps(kind: str) -> str:
    """Returns the table of what run_exported_step.py printed of programs on a device: a row for each export."""
    path = f"performance/{kind}/steps.jsonl"
    found: dict[str, dict[str, Any]] = {}
    for line in (RESULTS / path).read_text(encoding="utf-8").splitlines():
        each = json.loads(line)
        found.setdefault(each["export"], {})[each["program"]] = each
    rows = [
        [
            name,
            f"{programs['train']['parameters']:,}",
            f"{programs['train']['batch']}",
            f"{1e3 * programs['train']['step_seconds']:,.1f}",
            *(
                f"{programs[program]['images_per_second']:,.0f}" if program in programs else ""
                for program in ("train", "encode", "sample")
            ),
            f"{programs['train']['peak_bytes'] / 1e9:.1f}",
            f"{sum(programs['train']['compile_seconds'].values()):.0f}",
        ]
        for name, programs in found.items()
    ]
    header = [
        "model",
        "parameters",
        "images a step",
        "step, ms",
        "training",
        "encoding",
        "sampling",
        "GB",
        "compiling, s",
    ]
    about = read(f"performance/{kind}/about.json")
    return with_source(markdown(header, rows), about["machine"], about["date"], f"commit {about['commit']}", path)


def layers() -> str:
    """Returns the table of what a layer costs."""
    rows = [
        [
            row["shape"],
            row["layer"],
            f"{int(row['parameters']):,}",
            *(
                f"{float(row[f'{what}_ms']):.2f}" if row[f"{what}_ms"] else ""
                for what in ("forward", "inverse", "log_det")
            ),
        ]
        for row in _csv("comparison/layers.csv")
    ]
    header = ["shape", "layer", "parameters", "forward, ms", "inverse, ms", "log-det, ms"]
    return with_source(markdown(header, rows), "AMX", "2026-11-27", "commit 8193167", "comparison/layers.csv")


def _csv(path):
    with (RESULTS / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _lines(path):
    with (RESULTS / path).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def _two(value, of_cpu):
    return f"{value:.2f} ({of_cpu:.2f})"


def _aim(value, aim):
    """An aim, and whether it is met."""
    if not aim:
        return ""
    met = value <= float(aim[2:]) if aim.startswith("≤") else value >= float(aim[2:])
    return f"{aim}, {'met' if met else 'missed'}"


def _ratio(figures, name, aim):
    """A ratio and its aim; both are empty where it wasn't measured."""
    if name not in figures:
        return "", ""
    return _two(figures[name], figures["of_cpu_seconds"][name]), _aim(figures[name], aim)


def _seconds(figures, name, digits):
    """Seconds and CPU seconds; empty where they weren't measured."""
    if name not in figures["rounds"]:
        return ""
    seconds, of_cpu = (
        statistics.median(each[unit] for each in figures["rounds"][name]) for unit in ("seconds", "cpu_seconds")
    )
    return f"{seconds:.{digits}f} ({of_cpu:.{digits}f})"


TABLES: dict[str, Callable[[], str]] = {
    **{
        f"{path.stem}": functools.partial(measurement, path.stem)
        for path in sorted((RESULTS / "measurements").glob("*.json"))
    },
    **{
        f"{name} {kind}": functools.partial(make, kind)
        for name, make in {
            "speed ratios": speed_ratios,
            "speed seconds": speed_seconds,
            "startup": startup,
            "scaling": scaling,
        }.items()
        for kind in ("amx", "avx2")
    },
    "bfloat16 speed": bfloat16_speed,
    **{
        f"{name} {path.parent.name}": functools.partial(make, path.parent.name)
        for name, make in {"sampling": sampling, "families": families}.items()
        for path in sorted((RESULTS / "performance").glob(f"*/{name}.json"))
    },
    **{
        f"comparison {path.name}": functools.partial(comparison, path.name)
        for path in sorted((RESULTS / "comparisons").glob("*"))
    },
    **{f"on the way {name}": functools.partial(on_the_way, name) for name in ("families_90_seconds",)},
    **{
        f"exported steps {path.parent.name}": functools.partial(exported_steps, path.parent.name)
        for path in sorted((RESULTS / "performance").glob("*/steps.jsonl"))
    },
    **{f"trainings {kind}": functools.partial(trainings, kind) for kind in ("nets", "fam")},
    "variants": variants,
    "layers": layers,
}
