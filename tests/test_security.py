"""What a run or a data folder that somebody sent can do here (SECURITY.md)."""

import base64
import json
import os
import re

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import flowconv
from flowconv.config import default_config
from flowconv.errors import UserError
from flowconv.files import write_json
from flowconv.inference.html_report import write_report
from flowconv.training.state import RunState
from flowconv.workdir import Workdir
from tests.runs import ROOT, SMALL, config_of

HOSTILE = "<script>alert(1)</script>\x1b]0;owned\x07"


def sent_run(folder, **results):
    """A run as somebody could send it, finished, without weights."""
    run = Workdir(folder)
    run.pictures.mkdir(parents=True)
    run.save_config(default_config())
    dataset = {"name": "photos", "version": "1.0.0", "train": 8, "validation": 1, "test": 1, "note": ""}
    write_json(run.results, {"dataset": dataset, "versions": {"flowconv": "0.1.0"}, "test_bits_per_dim": 3.5} | results)
    return run


def png(path):
    Image.new("RGB", (2, 2)).save(path, "PNG")
    return path.read_bytes()


def test_a_report_shows_pictures_of_the_run_and_nothing_else(tmp_path):
    run, secret = sent_run(tmp_path / "run"), tmp_path / "secret"
    secret.write_text("the secret")
    elsewhere = png(tmp_path / "elsewhere.png")
    shown = png(run.pictures / "reconstructions.png")
    (run.pictures / "link.png").symlink_to(secret)
    (run.pictures / "picture-link.png").symlink_to(tmp_path / "elsewhere.png")
    (run.pictures / "text.png").write_text("no picture")
    (run.pictures / "folder.png").mkdir()
    os.mkfifo(run.pictures / "pipe.png")
    for link in ("link.png", "picture-link.png"):  # with which the run is refused as a whole
        with pytest.raises(UserError, match=link):
            write_report(run, tmp_path / "report.html")
        (run.pictures / link).unlink()
        (run.pictures / link).symlink_to("reconstructions.png")
    page = write_report(run, tmp_path / "report.html").read_text()
    assert re.findall("base64,([^']*)'", page) == [base64.b64encode(shown).decode()]
    assert base64.b64encode(elsewhere).decode() not in page.replace(base64.b64encode(shown).decode(), "")


def test_a_report_takes_no_pictures_from_a_folder_elsewhere(tmp_path):
    run = sent_run(tmp_path / "run")
    png(tmp_path / "private.png")
    run.pictures.rmdir()
    run.pictures.symlink_to(tmp_path)
    assert "base64" not in write_report(run, tmp_path / "report.html").read_text()


def test_everything_in_a_report_is_escaped(tmp_path):
    dataset = {"name": HOSTILE, "version": HOSTILE, "train": 8, "validation": 1, "test": 1, "note": HOSTILE}
    run = sent_run(tmp_path / "<b>run", dataset=dataset, versions={HOSTILE: HOSTILE}, precision=HOSTILE, seed=HOSTILE)
    png(run.pictures / "<i>.png")
    told = PngInfo()
    told.add_text("Title", HOSTILE)
    Image.new("RGB", (2, 2)).save(run.pictures / "samples-temperature-1.png", pnginfo=told)
    run.sessions.write_text(
        json.dumps([{"command": HOSTILE, "commit": HOSTILE, "machine": HOSTILE, "started": HOSTILE}])
    )
    run.health.write_text(json.dumps({"images": 1, f"condition_number/{HOSTILE}, step 1": 2.0}))
    sent_run(tmp_path / "<b>other", dataset=dataset, parameters=HOSTILE)
    config = default_config()
    config.data.name = config.data.dir = HOSTILE
    run.save_config(config)
    page = write_report(run, tmp_path / "report.html").read_text()
    assert page.count("&lt;script&gt;") >= 14 and not re.search("<script|<b>|<i>", page)
    assert "\x1b" not in page


@pytest.mark.parametrize(
    "content",
    [
        *("[]", "3", "{}", '{"images": "x"}', '{"images": 1, "condition_number/a, step 1": "x"}', "\0"),
        *('{"images": 1e999}', f'{{"images": 1, "health/min_alpha": {10**400}}}'),
    ],
)
@pytest.mark.parametrize("name", ["health.json", "sessions.json", "metrics.csv"])
def test_what_somebody_sent_beside_the_results_ends_in_a_line_at_worst(tmp_path, name, content):
    run = sent_run(tmp_path / "run")
    (run.path / name).write_text(content)
    try:
        write_report(run, tmp_path / "report.html")
    except UserError as error:
        assert "\n" not in str(error) and "can't be read" in str(error)


def test_a_number_beyond_all_bounds_is_damage(tmp_path):
    """Of the run's own results, and of one beside it."""
    run, other = (sent_run(tmp_path / "runs" / name) for name in ("run", "second"))
    damaged = sent_run(tmp_path / "runs/damaged", test_bits_per_dim=10**400)
    page = write_report(run, tmp_path / "report.html").read_text()
    assert other.name in page and damaged.name not in page
    with pytest.raises(UserError, match="its results can't be read"):
        write_report(damaged, tmp_path / "report.html")


@pytest.mark.parametrize(
    "name", ["config.json", "results.json", "evaluation.json", "metrics.csv", "metrics.csv.part", "best/checkpoint",
             "checkpoints/ckpt-160.index", "pictures/curve.png", "tensorboard/events.out.tfevents.1",
             "tensorboard/train/events.out.tfevents.1", "sessions.json", "health.json"]
)  # fmt: skip
def test_a_link_of_a_run_to_a_file_elsewhere_is_refused(tmp_path, name):
    run, outside = sent_run(tmp_path / "run"), tmp_path / "outside"
    outside.write_text("{}")
    for folder in (run.best_checkpoint, run.checkpoints, run.tensorboard, run.tensorboard / "train"):
        folder.mkdir()
    for target in (outside, tmp_path / "not yet there", os.path.relpath(outside, (run.path / name).parent)):
        (run.path / name).unlink(missing_ok=True)
        (run.path / name).symlink_to(target)
        with pytest.raises(UserError, match=re.escape(os.path.basename(name))):
            run.load_config()


def test_links_within_a_run_and_folders_on_another_disk_are_no_matter(tmp_path):
    run = sent_run(tmp_path / "run")
    (tmp_path / "disk").mkdir()
    run.checkpoints.symlink_to(tmp_path / "disk")
    (run.path / "latest.json").symlink_to("results.json")
    assert run.load_config() == default_config()


READERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}


def test_no_module_reads_pickles_or_runs_text():
    """Of what a file holds: by name, since no file could show that nobody does."""
    for path in [*(ROOT / "flowconv").rglob("*.py"), *(ROOT / "scripts").glob("*.py"), ROOT / "train.py"]:
        text = path.read_text()
        imported = {name.split(".")[0] for name in re.findall(r"^\s*(?:import|from) ([\w.]+)", text, re.MULTILINE)}
        assert not imported & READERS, path
        assert not re.search(r"(?<![\w.])(?:eval|exec)\(|allow_pickle|unsafe_load|safe_mode=False", text), path


def test_a_run_that_somebody_sent_is_loaded_without_a_look_at_data(tmp_path):
    """Nor at the folders that its config names."""
    config, named = config_of(**SMALL, **{"data.image_size": 8}), tmp_path / "named"
    config.data.name, config.data.dir, config.data.cache_dir = "folder", str(named), str(named)
    run = Workdir(tmp_path / "run")
    run.save_config(config)
    state = RunState(config, run)
    state.flow.reset_weights()
    state.optimizer.reset()
    state.checkpoints.save_best(1)
    assert flowconv.load(run.path).sample(2, seed=0).shape == (2, 8, 8, 3)
    assert not named.exists()
