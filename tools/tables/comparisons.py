"""Tables of what scripts/compare.py and compare_exported.py found: docs/results/comparisons/."""

import math
import statistics

from tools.tables.files import markdown, read, read_lines, read_rows, with_source

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
        for row in read_rows("comparison/table.csv")
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
        for row in read_rows("comparison/layers.csv")
    ]
    header = ["shape", "layer", "parameters", "forward, ms", "inverse, ms", "log-det, ms"]
    return with_source(markdown(header, rows), "AMX", "2026-11-27", "commit 8193167", "comparison/layers.csv")


def comparison(name: str) -> str:
    """Returns the tables of comparisons/NAME: table.csv and pairs.csv, beside about.json.

    All are as compare.py or compare_exported.py wrote them, which write no pairs of one seed.
    """
    path = f"comparisons/{name}"
    about, rows = read(f"{path}/about.json"), read_rows(f"{path}/table.csv")
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
    header, *pairs = read_lines(f"{path}/pairs.csv")
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
