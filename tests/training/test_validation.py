"""Which weights an evaluation keeps."""

import contextlib
import math
import types

import numpy as np
import pytest
import tensorflow as tf

from flowconv.training import validation


@pytest.mark.parametrize(
    ("raw", "averaged", "kept", "average_is_best"),
    [
        (3.5, 3.6, 3.5, False),
        (3.6, 3.5, 3.5, True),
        (math.nan, 3.5, 3.5, True),
        (3.5, math.nan, 3.5, False),
        (math.inf, 3.5, 3.5, True),
        (math.nan, math.nan, None, False),
        (math.nan, math.inf, None, False),
    ],
)
def test_a_score_that_is_no_number_hides_no_good_one(raw, averaged, kept, average_is_best, monkeypatch):
    saved, scores = [], iter([raw, averaged])
    state = types.SimpleNamespace(
        flow=None,
        evaluated=tf.Variable(0),
        best_bits_per_dim=tf.Variable(np.inf, dtype=tf.float64),
        average_is_best=tf.Variable(False),
        ema_weights=contextlib.nullcontext,
        checkpoints=types.SimpleNamespace(save_best=saved.append),
    )
    evaluator = types.SimpleNamespace(
        statistics=lambda images, name: (next(scores), 0.0),
        between=lambda: None,
        flow=types.SimpleNamespace(estimates_log_det=False),
    )
    logger = types.SimpleNamespace(pictures=lambda *_: None, validation=lambda *_: None)
    monkeypatch.setattr(validation.Validation, "_sample_and_reconstruct", lambda *_: (_ for _ in ()))
    images = np.zeros((1, 2, 2, 3), np.uint8)
    validation.Validation(None, state, evaluator, images, samples=1, seed=0, workdir=None).run(7, logger)
    assert float(state.best_bits_per_dim) == (kept or math.inf)
    assert bool(state.average_is_best) == average_is_best
    assert saved == ([7] if kept else [])
