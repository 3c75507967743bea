"""Networks of published flows have as many parameters as these say, to the unit; they are built without weights."""

import functools

import keras
import pytest

from flowconv.networks.attention import AttentionNetwork
from flowconv.networks.layers.conv2d import Conv2D
from flowconv.networks.layers.gated_attention import GatedAttention
from flowconv.networks.layers.gated_convolution import GatedConvolution
from flowconv.networks.layers.layer_norm import LayerNorm
from flowconv.networks.resnet import ResNetNetwork
from flowconv.networks.transformer import TransformerNetwork

CONTEXT = 32  # channels that Flow++'s dequantization sees of an image


def count(layer, shape, outputs=None):
    if outputs is not None:
        layer.outputs = outputs
    with keras.StatelessScope(initialize_variables=False):
        layer.build((None, *shape))
    return sum(variable.value.shape.num_elements() for variable in layer.trainable_variables)


@functools.cache
def coupling(shape, components, width, blocks, *, mixing=False, context=False, **settings):
    """Parameters of a coupling of Flow++, of halves of this shape, and of what normalizes and mixes both of them."""
    height, width_in_pixels, channels = shape
    network = AttentionNetwork(width, blocks, **settings)
    found = count(network, shape, channels * (2 + 3 * components))
    if context:  # a 1×1 convolution of elu([context, −context]) in each gated convolution
        found += blocks * count(Conv2D(width, 1, weight_norm=network.weight_norm), (*shape[:2], 2 * CONTEXT))
    normalization = 2 * 2 * height * width_in_pixels * channels
    return found + normalization + (2 * channels**2 if mixing else 0)


def context_network(shape, blocks, *, attention=False, norms=False, weight_norm=False):
    """Parameters of the network that an image goes through on its way into Flow++'s dequantization."""
    wide, kwargs = (*shape[:2], CONTEXT), {"weight_norm": weight_norm}
    block = count(GatedConvolution(3, **kwargs), wide) + (count(LayerNorm(), wide) if norms else 0)
    if attention:
        block += count(GatedAttention(4, **kwargs), wide) + count(LayerNorm(), wide)
    positions = shape[0] * shape[1] * CONTEXT if attention else 0
    return count(Conv2D(CONTEXT, 3, **kwargs), shape) + blocks * block + positions


def cifar10(width, components=32, dequantization=True):
    shapes = 4 * [(32, 16, 3)] + 2 * [(16, 16, 6)] + 3 * [(16, 8, 12)]
    found = sum(coupling(shape, components, width, 10, mixing=True) for shape in shapes)
    if dequantization:
        found += 4 * coupling((32, 16, 3), components, width, 2, mixing=True, context=True)
        found += context_network((32, 16, 6), 3)
    return found


def imagenet32():
    shapes = 7 * [(32, 16, 3)] + 3 * [(16, 16, 6)] + 3 * [(16, 8, 12)]
    settings = {"weight_norm": True, "last_activation": True}
    found = sum(coupling(shape, 32, 128, 20, **settings) for shape in shapes)
    found += 8 * coupling((32, 16, 3), 32, 128, 8, context=True, **settings)
    return found + context_network((32, 16, 6), 8, attention=True, norms=True, weight_norm=True)


def imagenet64():
    shapes = [(32, 16, 12)] * 4 + [(16, 16, 24), (16, 8, 48), (8, 8, 96), (8, 4, 192)] * 2
    found = sum(coupling(shape, 4, 96, 16, last_activation=True) for shape in shapes)
    found += 4 * coupling((64, 32, 3), 4, 96, 5, context=True, heads=0, last_activation=True)
    return found + context_network((64, 32, 6), 5, norms=True)


FLOWPP = {
    "CIFAR-10": (lambda: cifar10(96), 31_443_440),
    "CIFAR-10, uniform dequantization": (lambda: cifar10(104, dequantization=False), 32_324_408),
    "CIFAR-10, affine": (lambda: cifar10(108, components=0), 32_045_708),
    "ImageNet 32": (imagenet32, 168_955_724),
    "ImageNet 64, without a table that no layer uses": (imagenet64, 72_703_528),
}


@pytest.mark.parametrize(("flow", "published"), FLOWPP.values(), ids=FLOWPP.keys())
def test_flowpp(flow, published):
    """The whole flows': what isn't in networks are two numbers a position, and matrices of channels."""
    assert flow() == published


def test_jet():
    """ImageNet 64: 32 couplings of 2 blocks, 256 patches of 4×4×3 numbers of which each network sees half."""
    assert 32 * count(TransformerNetwork(512, 2, 8), (16, 16, 24), 48) == 207_177_216
    assert 64 * count(TransformerNetwork(512, 5, 8), (16, 16, 24), 48) == 1_019_612_160


def test_patches_are_more_channels_of_fewer_tokens():
    seen, squeezed = count(TransformerNetwork(32, 1, 2, 4), (16, 16, 3), 6), (4, 4, 48)
    assert seen == count(TransformerNetwork(32, 1, 2), squeezed, 96)


def test_resnet():
    """Convolutions without magnitude and bias in each block's first place, and where it begins; skips of all."""
    width, blocks, channels, outputs = 16, 3, 6, 12
    norms = 2 * channels + (2 * blocks + 1) * 2 * width
    kernels = 9 * 2 * channels * width + blocks * 2 * 9 * width**2 + (blocks + 1) * width**2 + width * outputs
    magnitudes_and_biases = 2 * (width + blocks * width + (blocks + 1) * width + outputs)
    found = count(ResNetNetwork(width, blocks), (8, 8, channels), outputs)
    assert found == norms + kernels + magnitudes_and_biases
