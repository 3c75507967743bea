"""A run says that its images are others now, and does not compare scores on different ones."""

import json

import numpy as np
import pytest
from PIL import Image

import flowconv
from flowconv.data import ImageData
from flowconv.workdir import Workdir, dataset_record
from tests.programs import run_here
from tests.runs import SMALL, overrides

SPLITS = ("train", "validation", "test")


def images_of(
    fingerprint="0123456789ab", name="folder/x", version="2.0.0", counts=(160, 20, 20), classes=("cat", "dog"), cats=0.5
):
    """Images of which this part are of the first class, if there are classes."""
    pixels = {split: np.zeros((count, 2, 2, 3), np.uint8) for split, count in zip(SPLITS, counts, strict=True)}
    labels = {split: np.int32(np.arange(len(of)) >= cats * len(of)) for split, of in pixels.items() if classes}
    return ImageData(name, version, "", fingerprint, pixels, labels, classes)


@pytest.fixture
def workdir(tmp_path):
    dataset_record.keep(Workdir(tmp_path), images_of())
    return Workdir(tmp_path)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({}, ""),
        ({"name": "folder/moved"}, ""),
        ({"fingerprint": "ba9876543210"}, "fingerprint 0123456789ab, now ba9876543210"),
        ({"counts": (240, 20, 30)}, "train 160, now 240; test 20, now 30"),
        ({"counts": (150, 30, 20)}, "train 160, now 150; validation 20, now 30"),
        ({"version": "3.0.0"}, "version 2.0.0, now 3.0.0"),
        ({"classes": ("cat", "wolf")}, "the classes now without dog and with wolf"),
        ({"classes": ("dog", "cat")}, "the classes now in another order"),
        ({"classes": ("cat", *"abcde", "dog")}, "classes 2, now 7; the classes now with a, b, c and 2 more"),
        ({"classes": ()}, "classes 2, now 0; the classes now without cat, dog"),
        ({"cats": 0.25}, "train images of cat 80, now 40"),
        ({"counts": (160, 20, 30), "cats": 0.25}, "test 20, now 30; train images of cat 80, now 40"),
    ],
)
def test_what_has_changed_is_named(workdir, now, said):
    line = dataset_record.changes(workdir, images_of(**now))
    assert line == (said and f"the images have changed since the run's best weights were chosen: {said}")


def test_runs_of_the_first_version(tmp_path, workdir):
    """Whose results say what the images were, if there are any; of a folder, the split was another."""
    workdir.data.unlink()
    assert dataset_record.changes(workdir, images_of(name="cifar10")) == ""
    assert dataset_record.OTHER_SPLIT in dataset_record.changes(workdir, images_of())
    workdir.results.write_text(json.dumps({"dataset": images_of(version="1.0.0").describe()}))
    changes = dataset_record.changes(workdir, images_of())
    assert changes.endswith(f"version 1.0.0, now 2.0.0; {dataset_record.OTHER_SPLIT}")


@pytest.mark.parametrize("lacking", [("class_names", "label_counts"), ("classes", "class_names"), ("label_counts",)])
def test_runs_of_which_no_classes_are_kept(workdir, lacking):
    kept = json.loads(workdir.data.read_text())
    assert kept["class_names"] == ["cat", "dog"] and kept["label_counts"]["train"] == [80, 80]
    workdir.data.write_text(json.dumps({name: value for name, value in kept.items() if name not in lacking}))
    assert dataset_record.changes(workdir, images_of(cats=0.25)) == ""
    assert "fingerprint" in dataset_record.changes(workdir, images_of(fingerprint="ba9876543210"))


@pytest.mark.parametrize("damage", [{"class_names": 2}, {"label_counts": []}, {"label_counts": {"train": 160}}])
def test_damage_to_classes_stops_nothing(workdir, damage):
    workdir.data.write_text(json.dumps(json.loads(workdir.data.read_text()) | damage))
    assert "train images of" not in dataset_record.changes(workdir, images_of(cats=0.25))


@pytest.mark.parametrize("content", ["", "[]", "null", '{"train"', b"\xff"])
def test_damage_to_it_stops_nothing(workdir, content, capsys):
    workdir.data.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert dataset_record.changes(workdir, images_of(name="cifar10")) == ""
    assert "data.json says nothing of the run's images" in capsys.readouterr().err


def test_a_folder_that_grows_under_a_run(tmp_path, capsys):
    """Said when it goes on, is evaluated and loaded; the best weights are chosen anew."""
    folder, run = tmp_path / "images", tmp_path / "run"
    folder.mkdir()
    for number in range(60):
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)).save(
            folder / f"{number}.png"
        )
    fields = SMALL | {"data.name": "folder", "data.dir": str(folder)}
    run_here("train.py", f"--workdir={run}", *overrides(**fields, **{"train.images": 32}))
    kept = json.loads((run / "data.json").read_text())
    assert kept["train"] + kept["validation"] + kept["test"] == 60

    for number in range(60, 80):
        Image.new("RGB", (16, 16), (number,) * 3).save(folder / f"{number}.png")
    assert "the images have changed" not in "".join(capsys.readouterr())
    run_here("scripts/evaluate.py", f"--workdir={run}")
    said = capsys.readouterr().err
    assert "warning: the images have changed since the run's best weights were chosen: train" in said
    run_here("train.py", f"--workdir={run}", *overrides(**fields, **{"train.images": 64}))
    assert "the images have changed since" in "".join(capsys.readouterr())
    now = json.loads((run / "data.json").read_text())
    assert sum(now[split] for split in ("train", "validation", "test")) == 80
    assert json.loads((run / "results.json").read_text())["best_at_images"] == 64

    capsys.readouterr()
    flowconv.load(run)
    assert capsys.readouterr().err == ""
    folder.rename(tmp_path / "moved")
    flowconv.load(run, data_dir=tmp_path / "moved")
    assert "have changed" not in capsys.readouterr().err
