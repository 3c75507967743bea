"""Flow++: the published numbers of parameters, and its couplings in a small model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import NONE
from flowconv.config.layer_list import layer_list
from flowconv.models import build_model
from flowconv.preflight.estimates import count_parameters
from flowconv.testing import check_log_det, check_round_trip, jacobian, perturb
from tests.models.test_flow import AsBijector
from tests.runs import parametrized
from tests.test_configs import CONFIGS, load

CIFAR10 = next(path for path in CONFIGS if path.stem == "flowpp_cifar10")
OF_DEQUANTIZER = ("dequantizer_width", "dequantizer_blocks", "context_blocks")
IMAGENET32 = {
    "layers": "7 stripes, squeeze, 3 channels, 3 stripes",
    "pointwise": False,
    "coupling": "mixture",
    "components": 32,
    "network": "attention",
    "width": 128,
    "blocks": 20,
    "weight_norm": True,
    "last_activation": True,
    "dequantization": "variational",
    "dequantizer_depth": 8,
    "dequantizer_width": 128,
    "dequantizer_blocks": 8,
    "dequantizer_pointwise": False,
    "context_blocks": 8,
    "context_heads": 4,
    "context_norm": True,
}
IMAGENET64 = {
    "layers": "squeeze, 4 stripes, squeeze, 2 channels, 2 stripes, squeeze, 2 channels, 2 stripes",
    "pointwise": False,
    "coupling": "mixture",
    "components": 4,
    "network": "attention",
    "width": 96,
    "blocks": 16,
    "last_activation": True,
    "dequantization": "variational",
    "dequantizer_width": 96,
    "dequantizer_blocks": 5,
    "dequantizer_heads": 0,
    "dequantizer_pointwise": False,
    "context_blocks": 5,
    "context_norm": True,
}


def parameters(image_shape, settings):
    """Of variables that have shapes alone."""
    with keras.StatelessScope(initialize_variables=False):
        return build_model("flowpp", image_shape, **settings).parameters


def cifar10(without=(), **changes):
    config = load(CIFAR10)
    settings = {name: value for name, value in config.model.items() if name not in ("name", *without)}
    return parameters((32, 32, 3), settings | changes)


def test_cifar_10_has_the_published_number_of_parameters():
    assert count_parameters(load(CIFAR10)) == cifar10() == 31_443_440


def test_the_ablations_have_the_published_numbers():
    assert cifar10(OF_DEQUANTIZER, dequantization="uniform", width=104) == 32_324_408
    assert cifar10(("components",), coupling="affine", width=108, dequantizer_width=108) == 32_045_708
    assert cifar10(blocks=9) != 31_443_440  # the control


def test_imagenet_32_has_the_published_number():
    assert parameters((32, 32, 3), IMAGENET32) == 168_955_724


def test_imagenet_64_has_the_published_number_but_for_a_table_that_nothing_reads():
    """The published program has positions in the dequantizer's four couplings, which have no attention."""
    unused = 4 * 64 * 32 * 96
    assert parameters((64, 64, 3), IMAGENET64) == 73_489_960 - unused == 72_703_528


def small(**settings):
    own = {"layers": "3 stripes, squeeze, 2 channels, 1 stripes", "width": 8, "precision": "float64"}
    flow = build_model("flowpp", (4, 4, 3), **own | settings)
    flow.reset_weights()
    perturb(flow, 0.05)
    return flow


SMALL = {
    "published": {
        "layers": "2 stripes, squeeze, 1 channels",
        "coupling": "mixture",
        "components": 4,
        "network": "attention",
        "blocks": 1,
        "heads": 2,
        "convolution": "conv1x1",
        "parameterization": "near_identity",
    },
    "affine": {},
    "imagenet": {"pointwise": False},
}


@pytest.mark.parametrize("settings", parametrized(SMALL, ["affine", "imagenet"]))
def test_round_trip_and_log_det(settings):
    flow = small(**settings)
    x = tf.constant(np.random.default_rng(0).uniform(0.02, 0.98, (2, 4, 4, 3)))
    check_round_trip(AsBijector(flow), x, NONE, 1e-8)
    check_log_det(AsBijector(flow), x, NONE, 1e-8)
    assert flow.latent_shapes == [(2, 2, 12)]


def test_couplings_change_each_half_in_turn():
    """One on stripes changes the even columns given the odd ones, then they change places; the next one the others."""
    for count, changed in ((1, 0), (2, 1)):
        flow = small(layers=f"{count} stripes", pointwise=False)
        matrix = jacobian(lambda x, flow=flow: flow.encode(x)[0], tf.fill((1, 4, 4, 3), tf.constant(0.5, tf.float64)))
        column = np.indices((4, 4, 3))[1].ravel() % 2
        own = np.abs(matrix) > 1e-12
        # After an even number of swaps each number is where it was, after an odd one in the other column.
        seen = [own[np.ix_(column == (parity + count) % 2, column == 1 - parity)].any() for parity in (0, 1)]
        assert seen == ([True, False] if count == 1 else [True, True]), (count, changed)


@pytest.mark.parametrize("text", ["", "4 stripe", "0 stripes", "stripes", "2 squeeze", "4 stripes; squeeze"])
def test_what_is_no_list_of_layers_is_refused(text):
    with pytest.raises(ValueError, match="layers must be as '4 stripes', '2 channels' or 'squeeze'"):
        layer_list(text)
