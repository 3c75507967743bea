"""The floor of networks with attention has their convolutions and products, and nothing else."""

import collections
import math

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import network_floor
from benchmarks.floor import library_conv2d
from benchmarks.sizes import Size
from flowconv.config.parts import NETWORKS
from flowconv.ops.conv2d import conv2d

TINY = Size(depth=2, levels=2, width=4, batch_size=2, image_size=8)
every_network = pytest.mark.parametrize("name", network_floor.NETWORKS)


def levels(name):
    return [network_floor.NETWORKS[name](channels, TINY.width, 2, 2) for _, _, channels in TINY.level_shapes()]


@every_network
def test_kernels_are_the_network_s(name):
    """Those of a coupling that the program builds: what else it has are vectors, and tables of positions."""
    for (height, width, channels), products in zip(TINY.level_shapes(), levels(name), strict=True):
        network = NETWORKS.make(name, {"width": TINY.width, "blocks": 2, "heads": 2})
        network.outputs = channels
        network.build((None, height, width, channels // 2))
        theirs = [math.prod(v.shape) for v in network.trainable_variables if len(v.shape) in (2, 4)]
        assert sorted(theirs) == sorted(math.prod(product.kernel_shape) for product in products)


@every_network
def test_all_gradients_are_computed(name):
    products = levels(name)
    run = network_floor.build_floor(TINY, products, library_conv2d)
    graph = run.get_concrete_function(network_floor.draw_kernels(TINY, products)).graph.as_graph_def()
    bodies = [body for body in graph.library.function if "_body_" in body.signature.name]
    counts = collections.Counter(node.op for body in bodies for node in body.node_def)
    convolutions = sum(map(len, products))
    attentions = sum(product.heads > 0 for level in products for product in level)
    assert counts["Conv2D"] == counts["Conv2DBackpropInput"] == counts["Conv2DBackpropFilter"] == convolutions
    assert counts["BatchMatMulV2"] == 3 * 2 * attentions


@every_network
def test_both_floors_compute_the_same(name):
    products, sums = levels(name), []
    kernels = network_floor.draw_kernels(TINY, products)
    for implementation in (library_conv2d, conv2d):
        tf.random.set_seed(3)
        sums.append(float(network_floor.build_floor(TINY, products, implementation)(kernels)))
    np.testing.assert_allclose(*sums, rtol=1e-3)
