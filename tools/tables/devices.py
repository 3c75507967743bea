"""Tables of what exported programs gave on a device: their trainings, and the times of their steps."""

import statistics
from typing import Any

from tools.tables.files import markdown, read, read_jsonl, with_source

SCORE_OF = {"raw": "test_bits_per_dim", "averaged": "test_bits_per_dim_ema"}  # the better weights' own


def trainings(kind: str) -> str:
    """Returns the table of measurements/trained_h100.jsonl of one kind, "nets" or "fam": seeds 0 and 1."""
    path, rows = "measurements/trained_h100.jsonl", []
    for each in read_jsonl(path):
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
    for each in read_jsonl(path):
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
