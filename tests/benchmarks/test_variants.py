"""Variants by name."""

import pytest

from benchmarks.variants import (
    DEFAULT,
    MODELS,
    folder_name,
    of_flags,
    read_sweep,
    variant_config,
    variant_configs,
)
from flowconv.config import default_config
from flowconv.errors import UserError
from flowconv.models import build_flow
from tests.runs import ROOT

FAMILIES = ROOT / "experiments" / "families.txt"


def test_a_variant_is_a_model_or_a_convolution_and_further_fields():
    base = default_config()
    config = variant_config(base, "realnvp", 4)
    assert (config.model.name, config.seed) == ("realnvp", 4)
    config = variant_config(base, "emerging:kernel_size=5:parameterization=orthogonal", 0)
    model = config.model
    assert (model.name, model.convolution, model.kernel_size, model.parameterization) == (
        "glow",
        "emerging",
        5,
        "orthogonal",
    )
    assert base == default_config()


def test_a_variant_may_set_what_its_parts_alone_have():
    base = variant_config(default_config(), "shift:scale_floor=0.1", 0)
    assert base.model.scale_floor == 0.1
    assert variant_config(base, "emerging", 0).model.scale_floor == 0.1
    assert "scale_floor" not in variant_config(base, "emerging:coupling=additive", 0).model


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (
            "emergin",
            r"--variants=emergin: must be one of flowpp, iaf, .* \(did you mean emerging\?\)",
        ),
        ("shift:kernelsize=5", r"has no field kernelsize \(did you mean kernel_size\?\)"),
        ("shift:kernel_size=many", "kernel_size can't be 'many'"),
        ("shift:kernel_size=4", "--config.model.kernel_size=4: must be odd"),
        ("realnvp:depth=6", "--config.model.depth=6: must be divisible by 4"),
        ("periodic:kernel_size=11", "--config.model.kernel_size=11: must be at most 9 .* images are 4×4"),
        ("shift:coupling=additive:scale_floor=0.1", "scale_floor=0.1: is used with model.coupling=affine alone"),
        ("", "must be one of"),
    ],
)
def test_refuses(variant, message):
    with pytest.raises(UserError, match=message):
        variant_config(default_config(), variant, 0)


def test_every_run_has_a_folder_of_its_own():
    names = {folder_name(v, s) for v in ("shift", "shift:depth=8", "shift:depth=18") for s in (0, 1)}
    assert len(names) == 6 and all("/" not in name and ":" not in name for name in names)


def test_a_sweep_is_the_variants_of_its_lines(tmp_path):
    sweep = tmp_path / "sweep.txt"
    sweep.write_text(
        "# what is compared\n\n  shift\t# the first\nshift:parameterization=qr\r\nemerging:kernel_size=5\n"
    )
    config = default_config()
    listed = ("shift", "shift:parameterization=qr", "emerging:kernel_size=5")
    assert of_flags(config, (), str(sweep), 2) == variant_configs(config, listed, 2)
    assert {variant for variant, _ in of_flags(config, (), None, 1)} == set(DEFAULT)


def test_a_variant_of_a_sweep_may_have_a_name_of_its_own(tmp_path):
    sweep = tmp_path / "sweep.txt"
    sweep.write_text(
        "glow = conv1x1:depth=8 # the first\nshift\nflow++ = flowpp:layers=2 stripes, squeeze, 2 channels\n"
    )
    configs = of_flags(default_config(), (), str(sweep), 1)
    assert [variant for variant, _ in configs] == ["glow", "shift", "flow++"]
    assert configs["glow", 0] == variant_config(default_config(), "conv1x1:depth=8", 0)
    assert configs["flow++", 0].model.layers == "2 stripes, squeeze, 2 channels"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("glow = shift\nglow = conv1x1\n", "lists glow twice$"),
        ("flow = flowpp\nFlow = shift\n", "lists Flow twice, as flow$"),
        ("glow =\n", "glow =: must be one of"),
        ("glow = gow\n", "gow: must be one of"),
    ],
)
def test_a_sweep_whose_names_have_no_runs_of_their_own_is_refused(lines, message, tmp_path):
    (tmp_path / "sweep.txt").write_text(lines)
    with pytest.raises(UserError, match=rf"^--sweep=.*sweep.txt: {message}"):
        of_flags(default_config(), (), str(tmp_path / "sweep.txt"), 1)


def test_the_sweep_of_families_has_the_family_of_each_name():
    families = {config.model.name for config in of_flags(default_config(), (), str(FAMILIES), 1).values()}
    assert families >= {"glow", *(name for name in MODELS if name != "iaf" and "original" not in name)}


@pytest.mark.parametrize("variant", read_sweep(FAMILIES))
def test_a_variant_of_the_sweep_of_families_can_be_built(variant):
    config = of_flags(default_config(), (), str(FAMILIES), 1)[variant, 0]
    assert build_flow(config, reset=False).parameters > 100_000
