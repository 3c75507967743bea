"""The figures behind a comparison's tables, as JSON."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from flowconv.files import write_json
from flowconv.workdir import Workdir, sessions


def machine_of(workdir: Workdir) -> str:
    """Returns where a run was trained last, as its sessions have it."""
    trained = sessions.of(workdir)
    return trained[-1]["machine"] if trained else "not known"


def write_about(
    output: Path,
    machine: str,
    batch: int,
    dataset: Mapping[str, Any],
    seconds: float | None,
    runs: Mapping[str, Sequence[Mapping[str, Any]]],
    **more: Any,
) -> None:
    """Writes about.json.

    Args:
      output: folder of the tables.
      machine: where models were trained.
      batch: images of a step, of all workers.
      dataset: `ImageData.describe()`.
      seconds: of training after which models are compared; None: after equal images.
      runs: the figures of each variant's runs, one a seed, with those on the way in "evaluations".
      **more: by name.
    """
    written = {"machine": machine, "date": f"{date.today()}", "commit": sessions.commit(), "batch": batch}
    write_json(output / "about.json", {**written, "dataset": dataset, "seconds": seconds, "runs": runs, **more})
