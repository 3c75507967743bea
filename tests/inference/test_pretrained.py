"""Trained flows that come with the package, and what makes one of a run."""

import json
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

import flowconv
from flowconv.data.datasets.letters import letter
from flowconv.errors import UserError
from flowconv.inference import weights_export
from flowconv.inference.load import load_run
from flowconv.training.results import better_name
from flowconv.workdir import Workdir, pretrained
from tests.programs import Ended, run_here
from tests.runs import FULL, in_full

NAMES = ("letters", "photos")
COMMANDS = {
    "sample": ["--count=2", "--temperatures=0.7"],
    "reconstruct": ["--count=2"],
    "interpolate": ["--steps=2"],
    "evaluate": [],
    "report": [],
    "export": ["--output=exported", "--format=weights"],
}


@pytest.fixture
def flow(finished_run, tmp_path, monkeypatch):
    """A trained flow called tiny, in the place of the package's own, and the run that it is of."""
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "pretrained")
    monkeypatch.chdir(tmp_path)
    run = load_run(finished_run[0])
    weights_export.export(run, tmp_path / "pretrained/tiny")
    return run.flow


def changed_weights(first, second):
    return [a.path for a, b in zip(first.variables, second.variables, strict=True) if np.any(a.numpy() != b.numpy())]


def test_it_is_the_run_s_flow_to_the_bit(flow):
    loaded = flowconv.load("tiny")
    assert not changed_weights(flow, loaded)
    np.testing.assert_array_equal(loaded.sample(2, seed=1), flow.sample(2, seed=1))


def test_a_folder_of_that_name_without_a_run_hides_nothing(flow, tmp_path):
    (tmp_path / "tiny").mkdir()
    flowconv.load("tiny")
    shutil.copytree(tmp_path / "pretrained/tiny", tmp_path / "mine")
    assert flowconv.load("mine").parameters == flow.parameters


def test_rounded_weights_are_those_of_another_flow_that_inverts_as_well(flow, finished_run, tmp_path):
    """Half the bytes; bits/dim differ in the fourth place, images come back as before."""
    weights_export.export(load_run(finished_run[0]), tmp_path / "pretrained/half", "float16")
    half = flowconv.load("half")
    assert changed_weights(flow, half)
    x = flow.dequantize(flow.to_images(flow.sample(4, seed=0)))
    np.testing.assert_allclose(half.decode(half.encode(x)), x, atol=1e-4)
    np.testing.assert_allclose(half.log_prob(x), flow.log_prob(x), rtol=1e-2)
    data = [next((tmp_path / "pretrained" / name / "best").glob("*.data*")) for name in ("half", "tiny")]
    assert data[0].stat().st_size < 0.7 * data[1].stat().st_size
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(half.log_prob(x), flow.log_prob(x), rtol=1e-7)


def test_weights_that_float16_cannot_hold_are_refused(flow, finished_run, tmp_path):
    run = load_run(finished_run[0])
    run.flow.trainable_variables[0].assign(tf.fill(run.flow.trainable_variables[0].shape, 1e5))
    with pytest.raises(UserError, match=r"--precision=float16: has no numbers as large"):
        weights_export.export(run, tmp_path / "large", "float16")


@pytest.mark.parametrize("command", COMMANDS if FULL else ["sample", "evaluate", "report", "export"])
def test_every_command_takes_it(command, flow, tmp_path, capsys):
    """Results go to a folder of its name in the current one: the package itself is only read."""
    before = sorted(path for path in (tmp_path / "pretrained").rglob("*"))
    run_here(f"scripts/{command}.py", "--model=tiny", *COMMANDS[command])
    assert capsys.readouterr().out
    assert sorted(path for path in (tmp_path / "pretrained").rglob("*")) == before
    written = {"evaluate": "tiny/evaluation.json", "report": "tiny/report.html", "export": "exported/config.json"}
    assert list(tmp_path.glob(written.get(command, "tiny/pictures/*.png")))


def test_scores_know_what_is_typical_without_the_data(flow):
    run = load_run(pretrained.Pretrained("tiny"))
    assert run.typical(0).mean == pytest.approx(
        json.loads(run.workdir.results.read_text())["test_bits_per_dim"], rel=0.1
    )


def test_the_card_says_what_it_was_trained_on(flow, finished_run, tmp_path):
    card = (tmp_path / "pretrained/tiny/README.md").read_text()
    results = json.loads((finished_run[0] / "results.json").read_text())
    for text in ("# tiny\n", "photos/16x16 1.0.0", "`model.width=8`", f"| weights | {results['parameters']:,}, the "):
        assert text in card, card
    assert card.count(weights_export.BY_HAND) == 2


def test_a_name_that_is_none_is_refused_with_those_there_are(flow):
    with pytest.raises(Ended) as ended:
        run_here("scripts/sample.py", "--model=tinny")
    assert str(ended.value).startswith(
        "error: --model=tinny: no trained flow of this name comes with the package (did you"
    )
    with pytest.raises(UserError, match=r"--workdir=photoz: holds no run \(.*\), and .*; there are tiny$"):
        flowconv.load("photoz")


def test_without_any_that_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    with pytest.raises(UserError, match="--model=photos: no trained flow comes with this package: name the folder"):
        pretrained.chosen(None, "photos")
    with pytest.raises(UserError, match="--model=photos: takes the place of --workdir=run; give one"):
        pretrained.chosen("run", "photos")
    with pytest.raises(UserError, match="--workdir is missing"):
        pretrained.chosen(None, None)
    assert type(pretrained.chosen(tmp_path, None)) is Workdir


@in_full
@pytest.mark.parametrize("name", NAMES)
def test_an_evaluation_gives_the_figures_of_the_card(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_here("scripts/evaluate.py", f"--model={name}")
    found, results = (
        json.loads(path.read_text())
        for path in (tmp_path / name / "evaluation.json", pretrained.Pretrained(name).results)
    )
    bits = results[better_name(results)]
    assert found[better_name(found)] == pytest.approx(bits, abs=1e-3)
    assert f"| bits/dim | {bits:.3f} on the test split" in (pretrained.FOLDER / name / "README.md").read_text()


def test_the_letters_are_read():
    """Of a typeface that training never saw, the letter under which each is likeliest; noise is none of them."""
    flow, text = flowconv.load("letters"), "FLOW"
    generator = np.random.default_rng(0)
    images = np.stack([letter(each, "cmr10", flow.image_shape[0], generator) for each in text])

    def most_likely(image):
        bits = flow.bits_per_dim(np.repeat(image[None], 26, axis=0), condition=np.arange(26, dtype=np.int32))
        return chr(ord("A") + int(np.argmin(bits))), float(np.min(bits))

    read = [most_likely(image) for image in images]
    assert "".join(name for name, _ in read) == text and max(bits for _, bits in read) < 4.0
    assert most_likely(generator.integers(0, 256, images[0].shape, np.uint8))[1] > 6.0  # the control


@pytest.mark.parametrize("name", NAMES)
def test_those_of_the_package_are_small_and_have_a_card(name):
    files = [path for path in (pretrained.FOLDER / name).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < pretrained.MOST_BYTES
    card = (pretrained.FOLDER / name / "README.md").read_text()
    assert (
        name in pretrained.names()
        and weights_export.BY_HAND not in card
        and not re.search("license of the data \\| *\\|", card)
    )
    pretrained.Pretrained(name).load_config()
