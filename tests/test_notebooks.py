"""The documents' notebooks, each from its first cell to its last, as a reader runs them."""

import pytest

import flowconv
from flowconv.models import build_flow
from flowconv.testing import perturb
from flowconv.workdir.pretrained import Pretrained
from tests.runs import FULL
from tools import notebooks

NOTEBOOKS = sorted(notebooks.NOTEBOOKS.glob("*.ipynb"))


def stand_in(name):
    """A small flow of the same images as the one of this name that comes with the package."""
    config = Pretrained(name).load_config()
    config.model.levels, config.model.depth, config.model.width = 2, 1, 4
    flow = build_flow(config)
    perturb(flow, 0.01)
    return flow


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    """Every cell shows something of the kind that is kept of it; in `make test-full` with the flows that it names."""
    monkeypatch.chdir(tmp_path)
    if not FULL:
        monkeypatch.setattr(flowconv, "load", stand_in)
    ran = list(notebooks.run(notebooks.read(path), path.name))
    assert len(ran) >= 10
    for cell, outputs in ran:
        assert [output["output_type"] for output in outputs] == [output["output_type"] for output in cell["outputs"]]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_page_shows_its_pictures(path):
    kept = notebooks.pictures(notebooks.read(path))
    assert kept and notebooks.page(path).count("](../pictures/") == len(kept)
    for number, picture in enumerate(kept):
        assert (notebooks.PICTURES / path.stem / f"{number}.png").read_bytes() == picture
