"""How depth is differentiated where the config leaves it open: in the way that is safe for the parts it chooses."""

import pytest

from flowconv import config
from flowconv.bijectors import Repeated
from flowconv.config.parts import MODELS, TRANSFORMS
from flowconv.errors import UserError
from flowconv.models import Parts, build_flow, build_model
from tests.models.test_flow import FAMILIES
from tests.runs import SMALL, config_of

TRANSFORM = '''
from flowconv.bijectors.elementwise.affine import Affine


class Steep(Affine):
    """A map that nothing inverts."""

    unsafe_inverse = "there is none"
'''
DERIVED = """
from flowconv.bijectors import Mixture


class Derived(Mixture):
    pass
"""
WAYS = [
    ({}, "invert"),
    ({"model.coupling": "spline"}, "invert"),
    ({"model.coupling": "mixture"}, "recompute"),
    ({"model.coupling": "mixture", "model.precision": "bfloat16"}, "recompute"),  # of the networks alone
    ({"model.coupling": "mixture", "model.precision": "float64"}, "invert"),
    ({"model.coupling": "mixture", "model.backward": "store"}, "store"),
    ({"model.coupling": "mixture", "model.precision": "float64", "model.backward": "invert"}, "invert"),
    ({"model.backward": "recompute"}, "recompute"),
]


@pytest.mark.parametrize(("fields", "way"), WAYS)
def test_a_model_is_built_with_the_way_that_is_safe(fields, way):
    made = config_of(**SMALL | fields)
    config.validate(made)
    assert config.backward_of(dict(config.flatten(made))) == config.backward_of(fields) == way
    loops = [layer for layer in build_flow(made, reset=False)._flatten_layers() if isinstance(layer, Repeated)]
    assert loops and {loop.backward for loop in loops} == {way}


@pytest.mark.parametrize("name", MODELS)
def test_every_family_is_built_with_the_way_that_is_safe(name):
    """By its name alone: it says itself whether its inverse is slow."""
    settings = {"width": 4} | FAMILIES[name]
    way = config.backward_of({f"model.{field}": value for field, value in settings.items()} | {"model.name": name})
    assert way == ("recompute" if name in ("maf", "residual", "tarflow") else "invert")
    layers = build_model(name, (4, 4, 3), **settings)._flatten_layers()
    loops = [layer for layer in layers if isinstance(layer, Repeated)]
    assert {loop.backward for loop in loops} <= {way}


def test_inverting_what_is_not_safe_is_refused():
    wrong = config_of(**{"model.coupling": "mixture", "model.backward": "invert"})
    right = "must be auto, recompute or store with {}coupling=mixture, unless {}precision=float64: in float32 the slope"
    with pytest.raises(UserError, match="^--config.model.backward=invert: " + right.format("model.", "model.")):
        config.validate(wrong)
    with pytest.raises(ValueError, match="^backward='invert': " + right.format("", "")):
        Parts(coupling="mixture", backward="invert")


@pytest.mark.parametrize(("name", "source"), [("steep", TRANSFORM), ("derived", DERIVED)])
def test_a_part_says_itself_what_is_not_safe(name, source, tmp_path, monkeypatch):
    """Or the class that it is derived from does; nothing of it is imported."""
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.setattr(TRANSFORMS, "paths", (*TRANSFORMS.paths, tmp_path))
    assert config.backward_of({"model.coupling": name}) == "recompute"
    assert f"model.coupling={name}, unless" in config.refusal_to_invert({"model.coupling": name})


def test_what_is_read_is_what_the_class_has():
    for name in TRANSFORMS:
        assert TRANSFORMS.part(name).unsafe_inverse == TRANSFORMS.load(name).unsafe_inverse


def test_a_run_that_was_kept_with_invert_is_inverted_and_not_changed():
    saved = dict(config.flatten(config.default_config())) | {"model.backward": "invert"}
    there = config.restored(saved)
    assert there.model.backward == "invert"
    assert config.differences(there, config.default_config()) == []
    there.model.backward = "store"
    assert config.differences(there, config.default_config()) == ["model.backward is auto now, was store"]
