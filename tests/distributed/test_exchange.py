"""What workers exchange: in half precision, and after several backward passes."""

import json

import numpy as np
import pytest
import tensorflow as tf

from flowconv import distributed
from flowconv.models import build_flow
from flowconv.training.step import build_step
from tests.batches import batch_of
from tests.runs import FULL, in_full, launch, saved_variables
from tests.training.test_step import images, tiny


def distance(one, other):
    """The relative distance of the weights of two runs."""
    one, other = (
        {name: value for name, value in saved_variables(workdir).items() if "weights" in name}
        for workdir in (one, other)
    )
    assert one.keys() == other.keys() and len(one) > 25
    return np.sqrt(sum(np.sum((one[name] - other[name]) ** 2) for name in one)) / np.sqrt(
        sum(np.sum(value**2) for value in one.values())
    )


def test_half_precision():
    """Nothing overflows, losses stay exact, and what isn't finite is skipped by all."""
    result = launch("tests/distributed/exchange_worker.py", ranks=2)
    assert result.returncode == 0 and "exchanged" in result.stdout, result.stderr[-3000:]


@in_full
def test_two_passes_are_one_with_twice_the_batch(train, finished_run, tmp_path):
    """Flips, noise, learning rates and data positions included."""
    workdir, _ = finished_run
    fields = {"train.batch_size": 4}
    result = train(tmp_path, ranks=2, **fields, **{"distributed.backward_passes_per_step": 2})
    assert result.returncode == 0, result.stderr
    assert "2 × 8 images a step" in result.stdout
    assert distance(workdir, tmp_path) < 1e-5
    results = [json.loads((path / "results.json").read_text()) for path in (workdir, tmp_path)]
    assert [result["images_trained"] for result in results] == [160, 160]
    np.testing.assert_allclose(results[0]["test_bits_per_dim"], results[1]["test_bits_per_dim"], atol=2e-4)
    assert [iterations(path) for path in (workdir, tmp_path)] == [10, 10]


def iterations(workdir):
    """The optimizer's steps."""
    values = [value for name, value in saved_variables(workdir).items() if name.endswith("iteration")]
    assert values
    return int(values[0])


@pytest.mark.parametrize("backward", ["store", "invert"] if FULL else ["invert"])
def test_passes_within_a_step(backward):
    """One step's figures and weights, and that of the whole batch; three passes, whose mean rounds."""
    pixels, figures, weights = images(12), [], []
    for passes in (1, 3):
        config = tiny(**{"distributed.backward_passes_per_step": passes, "model.backward": backward})
        flow = build_flow(config)
        step = build_step(config, flow)
        flow.initialize(pixels)
        figures.append(step(batch_of(pixels, 36)))
        assert int(step.images_seen) == 12
        weights.append([variable.numpy() for variable in flow.trainable_variables])
    for name in figures[0]:
        np.testing.assert_allclose(figures[0][name], figures[1][name], rtol=1e-5, err_msg=name)
    for one, three in zip(*weights, strict=True):
        np.testing.assert_allclose(three, one, atol=2.1e-3)  # Adam: at most the learning rate apart each
    moved = np.concatenate([np.abs(one - three).ravel() for one, three in zip(*weights, strict=True)])
    assert np.mean(moved > 1e-5) < 0.01


def test_passes_must_part_the_images():
    config = tiny(**{"distributed.backward_passes_per_step": 3})
    flow = build_flow(config)
    with pytest.raises(ValueError, match="8 images can't be parted into 3 equal parts"):
        build_step(config, flow)(batch_of(images(8)))


def test_a_program_that_has_computed_keeps_its_threads():
    """As a notebook's, which loads a run after other work; TensorFlow refuses another number of threads then."""
    tf.ones(1).numpy()
    before = tf.config.threading.get_intra_op_parallelism_threads()
    for at_a_time in (None, 1):
        distributed.initialize(images=at_a_time)
        assert tf.config.threading.get_intra_op_parallelism_threads() == before
