"""Exact evaluation, and pictures."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flowconv.data import first_of
from flowconv.evaluation import Evaluator, pictures
from flowconv.evaluation.sheets import grid
from flowconv.inference import scoring
from flowconv.models import glow
from flowconv.testing import perturb
from tests.layers import labelled_flow
from tests.runs import FULL

PIXELS = np.random.default_rng(0).integers(0, 256, (23, 8, 8, 3), np.uint8)
EXAMPLES = {"image": PIXELS}


@pytest.fixture(scope="module")
def flow():
    flow = glow((8, 8, 3), levels=1, depth=1, width=4)
    flow.reset_weights()
    perturb(flow, 0.05)
    return flow


@settings(deadline=None, max_examples=8 if FULL else 4)
@given(batch_size=st.integers(1, 30), world_size=st.integers(1, 5))
def test_bits_per_dim_are_those_of_all_images(flow, batch_size, world_size):
    """Whatever the batch size and the number of workers, some of which may have nothing to do."""
    expected = flow.bits_per_dim(tf.constant(PIXELS), seed=3).numpy().astype(np.float64)
    parts = []

    def keep(part):
        parts.append(part)
        return part

    for rank in range(world_size):
        evaluator = Evaluator(flow, batch_size=batch_size, seed=3, rank=rank, world_size=world_size, total=keep)
        evaluator.bits_per_dim(EXAMPLES)
    whole = Evaluator(flow, batch_size=batch_size, seed=3, total=lambda _: tf.constant(np.sum(parts, axis=0)))
    np.testing.assert_allclose(whole.statistics(EXAMPLES), (expected.mean(), expected.std()), atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_labels_condition_an_evaluation(jit_compile):
    """With a last batch that is filled up, and the labels of another split as the control."""
    flow, labels = labelled_flow(), np.random.default_rng(1).integers(0, 4, 23, np.int32)
    examples, other = ({"image": PIXELS, "label": given} for given in (labels, (labels + 1) % 4))
    expected = flow.bits_per_dim(PIXELS, 3, condition=labels).numpy()
    evaluator = Evaluator(flow, batch_size=10, seed=3, jit_compile=jit_compile)
    found = evaluator.statistics(examples)
    np.testing.assert_allclose(found, (expected.mean(), expected.std()), rtol=1e-5)
    assert abs(evaluator.bits_per_dim(other) - found[0]) > 1e-3
    assert evaluator.reconstruction(examples)["max_reconstruction_error"] < 0.05


def test_labels_condition_scores_and_pictures():
    flow, labels = labelled_flow(), np.random.default_rng(1).integers(0, 4, 23, np.int32)
    examples = {"image": PIXELS, "label": labels}
    found = scoring.bits_per_dim(flow, examples, seed=3, batch_size=10)
    np.testing.assert_allclose(found, flow.bits_per_dim(PIXELS, 3, condition=labels), rtol=1e-5)
    assert scoring.detect(flow, examples, 4, seed=0).keys() == {"own", "noise", "flat", "inverted"}
    sheet = pictures.reconstruction_sheet(*pictures.reconstruct(flow, first_of(examples, 4)))
    np.testing.assert_array_equal(sheet.images[4:8], PIXELS[:4])


FIGURES = {
    "bound": lambda evaluator: evaluator.statistics(EXAMPLES, 2),
    "estimate": lambda evaluator: evaluator.estimate(EXAMPLES, 2),
}
every_figure = pytest.mark.parametrize("figures", FIGURES.values(), ids=FIGURES.keys())


@every_figure
def test_images_that_are_alike_have_no_deviation(flow, figures):
    evaluator = Evaluator(flow, batch_size=4, seed=3)
    evaluator._bits_per_dim = lambda batch, _: tf.fill([len(batch["image"])], 4.1)
    assert figures(evaluator)[:2] == (pytest.approx(4.1), 0.0)


@every_figure
def test_what_is_not_a_number_has_no_deviation_that_is_one(flow, figures):
    evaluator = Evaluator(flow, batch_size=4, seed=3)
    evaluator._bits_per_dim = lambda batch, _: tf.fill([len(batch["image"])], np.nan)
    assert np.isnan(figures(evaluator)).all()


@pytest.mark.parametrize("rank", [0, 1])
def test_a_pass_has_a_name_and_all_workers_come_to_each_batch(flow, rank, monkeypatch):
    """Of 23 images the first of two workers has eleven, one batch, and the second twelve, two batches."""
    came, said = [], []

    def told(items, total, description, unit, visible):
        for item in items:
            said.append((description, total, unit) if visible else None)
            yield item

    monkeypatch.setattr("flowconv.evaluation.evaluator.progress", told)
    evaluator = Evaluator(flow, batch_size=11, seed=3, rank=rank, world_size=2, between=lambda: came.append(True))
    evaluator.bits_per_dim(EXAMPLES, samples=2, name="validation")
    evaluator.reconstruction(EXAMPLES, "test, reconstruction")
    assert len(came) == 2 * 2 + 2
    passes = [("validation", 4, "batches")] * 4 + [("test, reconstruction", 2, "batches")] * 2
    assert said == (passes if rank == 0 else [None] * 6)


def test_several_draws_average_densities(flow):
    """−log₂ of the mean density of four draws: below the mean of the four, and nearer to all that four can tell."""
    draws = np.stack([flow.bits_per_dim(tf.constant(PIXELS), 3, 0, 2 * number).numpy() for number in range(4)])
    assert draws.std(axis=0).min() > 0.0
    densities = 2.0 ** (-flow.dimensions * (draws.astype(np.float64) - draws.mean()))
    expected = draws.mean() - np.log2(densities.mean(axis=0)).mean() / flow.dimensions
    bound = Evaluator(flow, batch_size=10, seed=3).bits_per_dim(EXAMPLES, samples=4)
    np.testing.assert_allclose(bound, expected, atol=1e-6)
    assert draws.min(axis=0).mean() < bound < draws.mean()


def test_reconstruction(flow):
    evaluator = Evaluator(flow, batch_size=10, seed=0)
    figures = evaluator.reconstruction(EXAMPLES)
    assert 0 < figures["max_reconstruction_error"] < 0.05 and figures["changed_pixels"] == 0


def test_reconstruction_notices_a_wrong_inverse(flow, monkeypatch):
    decode = flow.decode
    monkeypatch.setattr(flow, "decode", lambda latents, condition: decode(latents, condition) + 2.0 / 256)
    figures = Evaluator(flow, batch_size=10, seed=0).reconstruction(EXAMPLES)
    np.testing.assert_allclose(figures["max_reconstruction_error"], 2.0, atol=0.01)
    assert figures["changed_pixels"] > 0.9 * PIXELS.size


def test_reconstruction_does_not_hide_nan(flow, monkeypatch):
    decode = flow.decode
    monkeypatch.setattr(flow, "decode", lambda latents, condition: decode(latents, condition) * np.nan)
    assert np.isnan(Evaluator(flow, batch_size=10, seed=0).reconstruction(EXAMPLES)["max_reconstruction_error"])


def test_what_is_not_finite_has_changed(flow, monkeypatch):
    """Though NaN, drawn as 0, would be equal to black."""
    decode = flow.decode
    monkeypatch.setattr(flow, "decode", lambda latents, condition: decode(latents, condition) * np.nan)
    black = np.zeros((3, 8, 8, 3), np.uint8)
    assert Evaluator(flow, batch_size=2, seed=0).reconstruction({"image": black})["changed_pixels"] == black.size


def test_no_images_have_no_score(flow):
    evaluator, none = Evaluator(flow, batch_size=2, seed=0), {"image": PIXELS[:0]}
    of_classes = Evaluator(labelled_flow(), batch_size=2, seed=0)
    for measure in (
        lambda: evaluator.bits_per_dim(none),
        lambda: evaluator.estimate(none, 2),
        lambda: of_classes.classification(none | {"label": np.zeros(0, np.int32)}),
    ):
        with pytest.raises(ValueError, match="no images to evaluate"):
            measure()


def test_grid_and_png(flow, tmp_path):
    sheet = grid(PIXELS[:5], columns=2, border=1)
    assert sheet.shape == (3 * 9 + 1, 2 * 9 + 1, 3)
    np.testing.assert_array_equal(sheet[1:9, 10:18], PIXELS[1])
    assert np.all(sheet[-9:, 10:] == 255)  # the place of a sixth
    pictures.save(tmp_path / "deep" / "grid.png", sheet, least_side=50)
    saved = np.asarray(Image.open(tmp_path / "deep" / "grid.png"))
    np.testing.assert_array_equal(saved[::3, ::3], sheet)


def test_reconstructions_stand_below_their_images_and_errors_below_both(flow):
    originals, back, error = pictures.reconstruct(flow, first_of(EXAMPLES, 5))
    np.testing.assert_array_equal(originals, PIXELS[:5])
    np.testing.assert_array_equal(back, originals)
    error[1, 2, 3] = 4.0
    sheet = pictures.reconstruction_sheet(originals, back, error, columns=3)
    assert sheet.rows == ["original", "reconstruction", "error"] * 2 and len(sheet.images) == 6 * 3
    np.testing.assert_array_equal(sheet.images[9:11], PIXELS[3:5])
    assert np.all(sheet.images[11] == 255)  # the place of a sixth
    assert np.all(sheet.images[7, 2, 3] == 255) and sheet.images[7].mean() < 5
    assert sheet.bar == ("no error", "4 of a pixel level")
    assert pictures.reconstruction_sheet(originals, back, error, magnify=255).bar[1] == "at least 1 of a pixel level"


@pytest.mark.parametrize("classes", [None, 4])
def test_samples_at_temperature_0_are_drawn_once(flow, classes):
    drawn = labelled_flow() if classes else flow
    sheet = pictures.sample_sheet(drawn, 8, 0.0, 0, {}, ["cat", "dog"] if classes else ())
    assert len(sheet.images) == (classes or 1) and sheet.columns == (2 if classes else 1)
    assert (sheet.rows, sheet.captions) == ((), ["cat", "dog", "2", "3"] if classes else ())  # rows of one image
    assert sheet.title == ("4 samples" if classes else "1 sample") + " at temperature 0"
    sheet = pictures.sample_sheet(drawn, 8, 0.7, 3, {}, ["cat", "dog"] if classes else ())
    assert (len(sheet.images), sheet.columns) == (8, 2 if classes else 3)
    assert sheet.rows == (["cat", "dog", "2", "3"] if classes else ())
    assert sheet.title == "8 samples at temperature 0.7, seed 3"
