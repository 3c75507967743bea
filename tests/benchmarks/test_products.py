"""Products are counted as often as they are computed, and computed again as often as they were counted."""

from collections import Counter

import pytest
import tensorflow as tf

from benchmarks.configs import config_of
from benchmarks.family_worker import build
from benchmarks.products import compute_again, count_products
from benchmarks.sizes import Size
from flowconv.config import flatten

TINY = Size(depth=2, levels=2, width=4, batch_size=2, image_size=8)


def kinds(products):
    return Counter({name: sum(n for each, n in products.items() if each.operation == name) for name, *_ in products})


def test_counts_each_step_of_a_loop():
    matrix = tf.random.normal((4, 4))

    @tf.function
    def act(steps):
        for _ in tf.range(steps):
            tf.matmul(matrix, matrix)

    (product,), (count,) = zip(*count_products(lambda: act(tf.constant(3))).items(), strict=True)
    assert product.operation == "MatMul" and count == 3
    assert [operand.shape for operand in product.operands] == [(4, 4), (4, 4)]


def test_counts_gradients():
    x, kernel = tf.random.normal((2, 5, 5, 3)), tf.random.normal((3, 3, 3, 4))

    def act():
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = tf.nn.conv2d(x, kernel, 1, "SAME")
        return tape.gradient(y, [x, kernel])

    found = kinds(count_products(act))
    assert found == {"Conv2D": 1, "Conv2DBackpropInput": 1, "Conv2DBackpropFilter": 1}


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_computes_again_what_was_counted(lanes):
    x, kernel = tf.random.normal((2, 5, 5, 3)), tf.random.normal((3, 3, 3, 4))
    spectrum = tf.complex(tf.random.normal((5, 3, 3)), 1.0)

    def act():
        for _ in range(21):  # more than are unrolled
            tf.nn.conv2d(x, kernel, 1, "SAME")
        for _ in range(2):  # fewer than there are lanes
            tf.matmul(spectrum, spectrum, adjoint_a=True)
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            y = tf.nn.conv2d(x, kernel, 2, "VALID")
        tape.gradient(y, kernel)
        tf.einsum("bhwc,cd->bhwd", x, kernel[0, 0])

    counted = count_products(act)
    assert sum(counted.values()) == 27 and len(counted) == 6  # both gradients of the second convolution
    assert count_products(compute_again(counted, lanes)) == counted


def test_floors_of_a_flow_do_not_count_what_is_computed_twice(monkeypatch):
    """A step that inverts computes its networks twice: its floor has them once, as that of one that stores them."""
    monkeypatch.setattr("benchmarks.products.leave_graphs_alone", lambda: None)  # of this process
    config = config_of(TINY)

    def counted(floor, backward):
        fields = dict(flatten(config)) | {"model.backward": backward}
        actions, facts = build(TINY, fields, floor)
        assert all(isinstance(act(), float) for act in actions.values())
        return facts["products"]

    for floor in ("library", "products"):
        assert counted(floor, "invert") == counted(floor, "store")
    products = counted("products", "auto")
    assert products["train"] > products["encode"] >= products["sample"] > 0
