"""The floor computes what a training step's convolutions compute: all of it, and nothing else."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import floor
from benchmarks.sizes import PAPER, SMALL, Size
from flowconv.models import glow
from flowconv.ops.conv2d import conv2d

TINY = Size(depth=3, levels=2, width=5, batch_size=2, image_size=8)


def operations(function):
    """How many of each kind the bodies of its loops have, after TensorFlow left out what nothing needs."""
    definition = function.get_concrete_function(*floor.draw_kernels(TINY)).graph.as_graph_def()
    return collections.Counter(
        node.op for body in definition.library.function if "_body_" in body.signature.name for node in body.node_def
    )


def test_shapes_are_those_of_the_model():
    assert SMALL.level_shapes() == PAPER.level_shapes() == [(16, 16, 12), (8, 8, 24), (4, 4, 48)]
    flow = glow((8, 8, 3), levels=TINY.levels, depth=TINY.depth, width=TINY.width)
    theirs = [tuple(v.shape) for v in flow.trainable_variables if v.name.endswith("kernel") and len(v.shape) == 5]
    shapes = []
    for first, hidden, last in floor.draw_kernels(TINY):
        marked = (*last.shape[:3], last.shape[3] + 1, last.shape[4])  # the mark of the border, of one image for all
        shapes += [tuple(first.shape), tuple(hidden.shape), marked]
    assert sorted(shapes) == sorted(theirs)


def test_all_gradients_are_computed():
    counts = operations(floor.build_floor(TINY, floor.library_conv2d))
    assert counts["Conv2D"] == counts["Conv2DBackpropInput"] == counts["Conv2DBackpropFilter"] == 3 * TINY.levels


@pytest.mark.parametrize("implementation", [floor.library_conv2d, conv2d])
def test_gradients_are_those_of_the_network(implementation):
    shapes = ((2, 4, 4, 3), (3, 3, 3, 5), (1, 1, 5, 5), (3, 3, 5, 4))
    x, *kernels = (tf.random.stateless_normal(shape, [0, number]) for number, shape in enumerate(shapes))
    y, gradients = floor.network_gradients(implementation, x, kernels, dy=tf.identity)
    assert y.shape == (2, 4, 4, 4)
    assert [g.shape for g in gradients] == [t.shape for t in [x, *kernels]]
    # y is linear in each of them: <gradient, itself> is <dy, y>
    for gradient, tensor in zip(gradients, [x, *kernels], strict=True):
        np.testing.assert_allclose(tf.reduce_sum(gradient * tensor), tf.reduce_sum(y * y), rtol=1e-4)


def test_both_floors_compute_the_same():
    levels = floor.draw_kernels(TINY)
    inputs_seed = 3
    sums = []
    for implementation in (floor.library_conv2d, conv2d):
        tf.random.set_seed(inputs_seed)
        sums.append(float(floor.build_floor(TINY, implementation)(*levels)))
    np.testing.assert_allclose(*sums, rtol=1e-3)
