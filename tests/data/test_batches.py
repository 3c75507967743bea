"""The batches that ranks draw: one global stream, and each image once in an evaluation."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowconv.data import evaluation_batches, training_batches

few = settings(max_examples=10, deadline=None)


def numbered(count: int) -> np.ndarray:
    """uint8 [count, 2, 1, 3] images that say which one they are."""
    pixels = np.zeros((count, 2, 1, 3), np.uint8)
    pixels[:, 0, 0, 0] = np.arange(count) % 256
    pixels[:, 1, 0, 2] = np.arange(count) // 256
    return pixels


def indices(images: np.ndarray) -> list[int]:
    """Which of the numbered images these are."""
    return (images[:, 0, 0, 0] + 256 * images[:, 1, 0, 2].astype(int)).tolist()


def stream(count: int, steps: int, *, batch_size: int, seed: int = 3, start: int = 0, world_size: int = 1) -> list[int]:
    """The global stream: `steps` global batches, put together from all ranks in the order of positions."""
    pixels = numbered(count)
    by_position = {}
    for rank in range(world_size):
        batches = training_batches(
            {"image": pixels}, batch_size=batch_size, seed=seed, start=start, rank=rank, world_size=world_size
        )
        for batch in batches.take(steps).as_numpy_iterator():
            assert batch["image"].shape == (batch_size, 2, 1, 3)
            by_position.update(enumerate(indices(batch["image"]), int(batch["position"])))
    assert sorted(by_position) == list(range(start, start + steps * batch_size * world_size))
    return [by_position[position] for position in sorted(by_position)]


@few
@given(count=st.integers(1, 400), batch_size=st.integers(1, 64), epochs=st.integers(1, 3), seed=st.integers(-5, 2**40))
def test_every_image_once_an_epoch(count, batch_size, epochs, seed):
    steps = -(-count * epochs // batch_size)
    positions = stream(count, steps, batch_size=batch_size, seed=seed)
    for epoch in range(epochs):
        assert sorted(positions[epoch * count : (epoch + 1) * count]) == list(range(count))


@few
@given(
    count=st.integers(1, 300),
    batch_size=st.integers(1, 8),
    world_size=st.integers(1, 5),
    steps=st.integers(1, 6),
    start=st.integers(0, 1000),
)
def test_ranks_share_one_global_stream(count, batch_size, world_size, steps, start):
    together = stream(count, steps, batch_size=batch_size, world_size=world_size, start=start)
    assert together == stream(count, steps, batch_size=batch_size * world_size, start=start)


@few
@given(count=st.integers(1, 100), batch_size=st.integers(1, 8), start=st.integers(0, 300))
def test_resuming_anywhere_gives_the_tail(count, batch_size, start):
    whole = stream(count, 1, batch_size=start + 3 * batch_size)
    assert whole[start:] == stream(count, 3, batch_size=batch_size, start=start)


def test_epochs_and_seeds_differ():
    first, second = np.split(np.array(stream(200, 2, batch_size=200)), 2)
    assert first.tolist() != second.tolist()
    assert first.tolist() != stream(200, 1, batch_size=200, seed=4)
    assert first.tolist() != list(range(200))


def test_the_order_is_pinned():
    # Checkpoints record positions: another order would silently change resumed runs.
    assert stream(10, 2, batch_size=10, seed=0) == [0, 7, 8, 6, 9, 5, 1, 3, 2, 4, 9, 4, 2, 1, 0, 7, 8, 5, 3, 6]


@pytest.mark.parametrize("labelled", [False, True])
def test_shapes_are_static(labelled):
    examples = {"image": np.zeros((5, 4, 3, 1), np.uint8)} | ({"label": np.zeros(5, np.int32)} if labelled else {})
    expected = {"image": ((2, 4, 3, 1), "uint8"), "position": ((), "int64")}
    expected |= {"label": ((2,), "int32")} if labelled else {}
    training = training_batches(examples, batch_size=2, seed=0, start=0, rank=0, world_size=1)
    evaluation = evaluation_batches(examples, batch_size=2, rank=0, world_size=1)
    for batches, more in ((training, {}), (evaluation, {"count": ((), "int64")})):
        assert {name: (spec.shape, spec.dtype.name) for name, spec in batches.element_spec.items()} == expected | more


@few
@given(count=st.integers(1, 300), batch_size=st.integers(1, 30), start=st.integers(0, 600), rank=st.integers(0, 2))
def test_labels_go_with_their_images(count, batch_size, start, rank):
    part = {"batch_size": batch_size, "rank": rank, "world_size": 3}
    labels = np.random.default_rng(0).integers(0, 1_000, count, np.int32)
    examples = {"image": numbered(count), "label": labels}
    training = training_batches(examples, seed=1, start=start, **part)
    for batch in training.take(3).as_numpy_iterator():
        np.testing.assert_array_equal(batch["label"], labels[indices(batch["image"])])
    for batch in evaluation_batches(examples, **part).as_numpy_iterator():
        valid = batch["count"]
        np.testing.assert_array_equal(batch["label"][:valid], labels[indices(batch["image"][:valid])])
        assert not batch["label"][valid:].any()


@few
@given(count=st.integers(0, 100), batch_size=st.integers(1, 30), world_size=st.integers(1, 5))
def test_an_evaluation_counts_each_image_once(count, batch_size, world_size):
    pixels = numbered(count)
    seen, block_sizes = [], []
    for rank in range(world_size):
        block = []
        for batch in evaluation_batches(
            {"image": pixels}, batch_size=batch_size, rank=rank, world_size=world_size
        ).as_numpy_iterator():
            images, first, valid = batch["image"], batch["position"], batch["count"]
            assert images.shape == (batch_size, 2, 1, 3)
            assert 1 <= valid <= batch_size
            assert indices(images[:valid]) == list(range(first, first + valid))
            assert not images[valid:].any()
            block += indices(images[:valid])
        seen += block
        block_sizes.append(len(block))
    assert seen == list(range(count))
    assert max(block_sizes) - min(block_sizes) <= 1


def test_evaluation_batches_can_be_counted():
    batches = evaluation_batches({"image": numbered(11)}, batch_size=3, rank=0, world_size=2)
    assert batches.cardinality() == 2


@pytest.mark.parametrize("batch_size", [64])
def test_fast_enough_to_be_lost_in_a_training_step(batch_size, tmp_path):
    np.save(tmp_path / "pixels.npy", np.zeros((5_000, 32, 32, 3), np.uint8))
    pixels = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    batches = iter(training_batches({"image": pixels}, batch_size=batch_size, seed=0, start=0, rank=0, world_size=1))
    next(batches)
    begin = time.process_time()
    for _ in range(100):
        next(batches)
    assert 100 * batch_size / (time.process_time() - begin) > 5_000  # images a second of one core; 80,000 are usual


def test_no_thread_tunes_batches():
    """One that sleeps at the end of an iterator holds up all of Python for up to a minute."""
    examples = {"image": numbered(5)}
    for batches in (
        training_batches(examples, batch_size=2, seed=0, start=0, rank=0, world_size=1),
        evaluation_batches(examples, batch_size=2, rank=0, world_size=1),
    ):
        assert batches.options().autotune.enabled is False
