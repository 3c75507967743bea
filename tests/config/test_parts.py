"""Parts that are found by their files: their names, settings and classes, without an import."""

import contextlib
import re
import subprocess
import sys

import pytest

from flowconv import config
from flowconv.config import parts
from flowconv.config.parts import CONVOLUTIONS, FOLDERS, MODELS, NETWORKS, Folder
from flowconv.errors import UserError
from tests.runs import ROOT

NETWORK = '''
from typing import Literal
from flowconv.core.network import Network


class Helper:
    pass


class Deep(Network):
    """Several stages.

    Args:
      stages: how many there are,
        at least one.
      gate: what they end in.
    """

    def __init__(self, outputs, stages: int = 2, rate: float = 1, gate: Literal["none", "sigmoid"] = "none", **kwargs):
        super().__init__(**kwargs)
'''


@pytest.fixture
def drop(tmp_path, monkeypatch):
    """A function that puts a file beside those of a folder, for this test alone."""

    def put(folder, name, source):
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.setattr(folder, "paths", (*folder.paths, tmp_path))

    return put


@pytest.fixture
def deep(drop):
    """The network above, as networks/deep.py."""
    drop(NETWORKS, "deep", NETWORK)


def test_a_dropped_file_is_a_value_with_settings_of_its_own(deep):
    assert "deep" in config.SETTINGS["model.network"].names
    found = NETWORKS.part("deep").settings("model")
    assert [(each.name, each.default, each.help, each.names) for each in found.values()] == [
        ("model.stages", 2, "how many there are, at least one", ()),
        ("model.rate", 1.0, "", ()),
        ("model.gate", "none", "what they end in", ("none", "sigmoid")),
    ]
    every = config.settings()
    assert every["model.stages"].explanation == "of model.network=deep: how many there are, at least one"
    assert list(every).index("model.stages") < list(every).index("data.name")


FAMILY = '{}\n\n\ndef mine(image_shape, parts, *, levels: int = 3):\n    """Builds it."""\n'


@pytest.mark.parametrize(
    ("line", "fields", "refused"),
    [
        ("IS_AUTOREGRESSIVE = True", {"network": "causal_transformer", "segments": 2}, ""),
        ("IS_AUTOREGRESSIVE = True", {"network": "glow"}, "network=glow: must be causal_transformer or made"),
        ("", {"network": "causal_transformer", "segments": 2}, "segments=2: must be 1 with model.name=mine"),
        ("UNSEEN_HALVINGS = 1", {"network": "transformer", "patch_size": 8}, ""),
        ("UNSEEN_HALVINGS = 0", {"network": "transformer", "patch_size": 8}, "patch_size=8: must divide .* here 4×4"),
        ("", {"network": "transformer", "patch_size": 8}, ""),
    ],
)
def test_a_family_says_of_itself_what_rules_ask(line, fields, refused, drop):
    drop(MODELS, "mine", FAMILY.format(line))
    fields = {f"model.{name}": value for name, value in ({"name": "mine"} | fields).items()}
    with pytest.raises(UserError, match=f"^--config.model.{refused}") if refused else contextlib.nullcontext():
        config.validate(config.changed(config.default_config(), fields))


def test_its_settings_are_checked_as_the_schema_s(deep):
    values = {"model.network": "deep", "model.stages": 4}
    config.validate(config.changed(config.default_config(), values))
    for name, value, right in (
        ("stages", "4", "must be a whole number"),
        ("gate", "relu", "must be one of none, sigmoid"),
        ("stage", 4, r"there is no such field \(did you mean model.stages\?\)"),
    ):
        wrong = config.default_config()
        wrong.model.network = "deep"
        wrong.model[name] = value
        with pytest.raises(UserError, match=f"^--config.model.{name}(={value!r}|={value})?: {right}"):
            config.validate(wrong)


def test_a_setting_that_no_chosen_part_has_is_refused(deep):
    refused = "^--config.model.stages=4: is used with model.network=deep alone; leave it out$"
    with pytest.raises(UserError, match=refused):
        config.validate(config.changed(config.default_config(), {"model.stages": 4}))


def test_its_settings_are_of_the_architecture_unless_they_are_the_default(deep):
    other = config.changed(config.default_config(), {"model.network": "deep"})
    more = config.changed(config.default_config(), {"model.network": "deep", "model.stages": 4})
    assert config.architecture(other)["model.stages"] == 2
    saved, here = dict(config.flatten(other)), config.architecture(more)
    assert config.differing_architecture(saved, here) == ["model.stages is 2 there and 4 here"]
    assert config.differing_architecture(config.architecture(other), config.architecture(other)) == []
    assert config.restored(dict(config.flatten(more))) == more


def test_a_model_of_version_0_1_is_that_of_the_defaults():
    saved = dict(config.flatten(config.default_config()))
    del saved["model.network"], saved["model.dequantization"]
    assert config.restored(saved) == config.default_config()
    other = config.changed(config.default_config(), {"model.network": "convolution", "model.scale_floor": 0.1})
    assert config.differing_architecture(saved, config.architecture(other)) == [
        "model.network is glow there and convolution here",
        "model.scale_floor is 0.05 there and 0.1 here",
    ]


def numbers_of_parts():
    """(chooser, part, setting) for all settings of parts that are numbers."""
    for chooser in config.SETTINGS.values():
        for name in chooser.names if isinstance(chooser.choices, Folder) else ():
            group = chooser.name.rpartition(".")[0]
            for setting in chooser.choices.part(name).settings(group).values():
                if setting.kind in (int, float) and setting.name not in config.SETTINGS:
                    yield pytest.param(chooser, name, setting, id=f"{name}-{setting.name}")


@pytest.mark.parametrize(("chooser", "part", "setting"), numbers_of_parts())
def test_a_number_out_of_a_part_s_range_is_refused_before_it_is_built(chooser, part, setting):
    """In the words of the part's own constructor, which lie in the source that no import has read."""
    assert setting.own_check is not None and setting.own_check.takes(setting.default)
    wrong = [-1] if setting.kind is int else [-1.0, float("nan"), float("inf")]
    for value in wrong:
        fields = config.changed(config.default_config(), {chooser.name: part, setting.name: value})
        line = f"--config.{setting.name}={value}: must be {setting.own_check.expected}"
        with pytest.raises(UserError, match=f"^{re.escape(line)}$"):
            config.validate(fields)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"coupling": "spline", "bins": 101}, "bins=101: must be a whole number from 2 to 100"),
        ({"scale_floor": 1.0}, "scale_floor=1.0: must be within (0, 1)"),
        ({"network": "attention", "dropout": 1.0}, "dropout=1.0: must be within [0, 1)"),
        ({"condition": "class", "label_dropout": 1.0}, "label_dropout=1.0: must be within [0, 1)"),
        ({"dequantization": "gaussian", "noise_deviation": 1.5}, "noise_deviation=1.5: must be within (0, 1]"),
        ({"name": "jet", "squeeze": 0}, "squeeze=0: must be a whole number of at least 1"),
        ({"network": "resnet", "blocks": -1}, "blocks=-1: must be a whole number of at least 0"),
        ({"network": "transformer", "blocks": 0}, "blocks=0: must be a whole number of at least 1"),
    ],
    ids=str,
)
def test_each_part_has_its_own_range(fields, line):
    fields = {f"model.{name}": value for name, value in fields.items()}
    with pytest.raises(UserError, match=f"^--config.model.{re.escape(line)}$"):
        config.validate(config.changed(config.default_config(), fields))


def test_flags_and_help_know_its_settings(tmp_path):
    """In a copy of the program; without TensorFlow."""
    program = tmp_path / "program"
    program.mkdir()
    for name in ("flowconv", "configs", "train.py"):
        (program / name).symlink_to(ROOT / name) if name != "flowconv" else copied(ROOT / name, program / name)
    (program / "flowconv/networks/deep.py").write_text(NETWORK)
    code = "import sys; sys.modules.update(tensorflow=None); sys.argv = ['train.py', *sys.argv[1:]]; "
    code += "import runpy; runpy.run_path('train.py', run_name='__main__')"

    def run(*flags):
        command = [sys.executable, "-c", code, *flags]
        return subprocess.run(command, capture_output=True, text=True, cwd=program, timeout=60)

    shown = run("--config.model.network=deep", "--config.model.stages=4", "--help").stdout
    assert re.search(r"  model.stages=4 +of model.network=deep: how many there are", shown)
    assert re.search(r"  model.network=deep\s[^=]*\sconvolution,\s+deep,\s+glow", shown)
    for flag, right in (
        ("--config.model.stages=many", "must be a whole number"),
        ("--config.model.stages=3", "is used with model.network=deep alone; leave it out"),
    ):
        assert run(flag).stderr == f"error: {flag}: {right}\n"


def copied(source, target):
    """A folder with links to a folder's files, in folders of its own."""
    for path in source.rglob("*.py"):
        there = target / path.relative_to(source)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(path.read_bytes())


def test_a_file_with_a_mistake_harms_nobody_who_does_not_choose_it(drop):
    drop(CONVOLUTIONS, "broken", "class Broken(:\n")
    assert "broken" in CONVOLUTIONS and CONVOLUTIONS.part("broken").keywords == ()
    config.validate(config.default_config())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.kind)
def test_of_every_part_all_is_known_without_an_import(folder):
    """One class or function each."""
    for name in folder:
        assert folder.part(name).summary, name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.kind)
def test_what_is_read_is_what_the_class_has(folder):
    import inspect

    for name in folder:
        made = inspect.signature(folder.load(name)).parameters.values()
        kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        assert {p.name for p in made if p.kind not in kinds} - set(parts.OF_LAYERS) == set(folder.part(name).keywords)
        defaults = {f"model.{p.name}": p.default for p in made}
        for setting in folder.part(name).settings("model").values():
            assert setting.default == defaults[setting.name]
            assert setting.help, f"{name}: Args says nothing of {setting.name}"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.kind)
def test_a_part_and_the_schema_agree_about_defaults(folder):
    for name in folder:
        for setting in folder.part(name).settings("model").values():
            assert setting.default == config.SETTINGS.get(setting.name, setting).default, f"{name}: {setting.name}"


def test_a_model_is_a_function_of_its_file_s_name():
    assert MODELS.names == (
        "flowpp",
        "glow",
        "iaf",
        "jet",
        "maf",
        "nice",
        "nice_original",
        "realnvp",
        "realnvp_original",
        "residual",
        "tarflow",
    )
    assert MODELS.load("glow").__name__ == "glow"


def test_refuses_a_part_that_is_not_there():
    with pytest.raises(ValueError, match=r"convolution must be one of .*, got 'shfit' \(did you mean shift\?\)"):
        CONVOLUTIONS.load("shfit")


def test_refuses_a_setting_that_no_part_has():
    with pytest.raises(ValueError, match=r"emerging has no kernel_sise \(did you mean kernel_size\?\)"):
        CONVOLUTIONS.make("emerging", {"kernel_sise": 5})
    assert type(CONVOLUTIONS.make("reverse", {"kernel_size": 5, "scale_floor": 0.1})).__name__ == "Reverse"


@pytest.mark.parametrize(("source", "number"), [("", 0), ("class A: pass", 0), ("class _A(Network): pass", 0)])
def test_refuses_a_file_without_its_kind_of_class(source, number, tmp_path, monkeypatch):
    folder = Folder("dropped", "network", "Network")
    (tmp_path / "dropped").mkdir()
    (tmp_path / "dropped/nothing.py").write_text(f"from flowconv.core.network import Network\n{source}\n")
    monkeypatch.setattr(folder, "paths", (tmp_path / "dropped",))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "dropped.nothing", raising=False)
    monkeypatch.delitem(sys.modules, "dropped", raising=False)
    with pytest.raises(ValueError, match=rf"nothing.py must hold one public Network, and holds {number}"):
        folder.load("nothing")
