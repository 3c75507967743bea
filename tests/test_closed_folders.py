"""Folders that another user has closed: what lies in them counts as what isn't there, and is no traceback."""

import pytest
from PIL import Image

from flowconv.config import config_file, default_config
from flowconv.errors import UserError
from flowconv.files import write_json
from flowconv.inference.earlier_runs import runs_beside
from flowconv.inference.load import find_images
from flowconv.workdir import Workdir
from tests.runs import without_rights

DATASET = {"name": "photos", "version": "1.0.0", "test": 1}


@pytest.fixture
def closed(shared):
    """A folder beside others, which is closed while a test runs."""
    (shared / "closed").mkdir()
    Image.new("RGB", (2, 2)).save(shared / "closed/a.png")
    (shared / "closed/config.py").write_text("")
    with without_rights(shared / "closed"):
        yield shared / "closed"


def test_an_image(closed):
    with pytest.raises(UserError, match=r"^--images=.*/closed/a.png: there is no such file or folder$"):
        find_images("images", str(closed / "a.png"))


@pytest.mark.parametrize("rest", ["", ":8"])
def test_a_config(closed, rest):
    with pytest.raises(UserError, match=r"^--config=.*/closed/config.py: there is no such file"):
        config_file.named([f"{closed}/config.py{rest}"])


def run_in(folder, bits_per_dim):
    workdir = Workdir(folder)
    workdir.save_config(default_config())
    write_json(workdir.results, {"dataset": DATASET, "test_bits_per_dim": bits_per_dim})
    return workdir


def test_a_run_beside_others(shared):
    mine = run_in(shared / "mine", 3.5)
    for name in ("closed", "open"):
        run_in(shared / name, 3.25)
    with without_rights(shared / "closed"):
        assert [run.name for run in runs_beside(mine, {"dataset": DATASET})] == ["open"]
    assert [run.name for run in runs_beside(mine, {"dataset": DATASET})] == ["closed", "open"]


def test_runs_in_a_folder_that_is_not_listed(shared):
    (shared / "runs").mkdir()
    mine = run_in(shared / "runs/mine", 3.5)
    run_in(shared / "runs/other", 3.25)
    with without_rights(shared / "runs"):
        assert runs_beside(mine, {"dataset": DATASET}) == []


def test_a_folder_with_the_name_of_a_picture(shared, closed):
    mine = run_in(shared / "mine", 3.5)
    with pytest.raises(UserError, match=r"^--output=.*/grid.png: must be a folder"):
        mine.results_folder(closed / "grid.png", mine.pictures)
