"""A setting is one line of the schema: the default config, flags, help, validation and docs follow."""

import ast
import dataclasses
import json
import subprocess
import sys

import pytest

from flowconv import config
from flowconv.config import schema
from flowconv.errors import UserError
from tests.runs import ROOT

SOURCE = (ROOT / "flowconv/config/schema.py").read_text()


def test_every_setting_is_one_line():
    groups = [node for node in ast.parse(SOURCE).body if isinstance(node, ast.ClassDef)]
    fields = [field for group in groups for field in group.body if isinstance(field, ast.AnnAssign)]
    declared = [field for field in fields if ast.unparse(field.value.func) in ("setting", "fixed")]
    assert len(declared) == len(config.SETTINGS)
    assert all(field.lineno == field.end_lineno for field in declared)


@pytest.mark.parametrize("setting", config.SETTINGS.values(), ids=lambda setting: setting.name)
def test_is_explained_and_takes_its_default(setting):
    assert setting.help and all(choice in setting.explanation for choice in setting.names)
    setting.check(setting.default)
    if setting.kind in (int, float, tuple):
        assert setting.at_least is not None
    assert dict(config.flatten(config.default_config()))[setting.name] == setting.default


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ((16, 24), ""),
        ([24, 16], ""),
        ((16, 16), "(16, 16): must be 16 where both are alike"),
        ((16,), "(16,): must be a whole number, or (height, width)"),
        ((8, 16, 24), "(8, 16, 24): must be a whole number, or (height, width)"),
        ((16, 24.0), "(16, 24.0): must be a whole number, or (height, width)"),
        ((16, True), "(16, True): must be a whole number, or (height, width)"),
        ((16, 0), "(16, 0): must be at least 2"),
        ("16", "'16': must be a whole number, or (height, width)"),
        ((16, 20), "(16, 20): must be divisible by 2^model.levels = 8, since each level halves height and width"),
    ],
)
def test_images_are_squares_or_have_a_height_and_a_width(value, line):
    changed = config.changed(config.default_config(), {"data.image_size": value})
    if line:
        with pytest.raises(UserError) as refused:
            config.validate(changed)
        assert str(refused.value) == f"--config.data.image_size={line}"
    else:
        config.validate(changed)
        assert config.image_shape(changed.data) == (*value, 3)


def test_a_model_of_a_shape_is_told_from_others():
    """JSON has lists where configs have tuples."""
    configs = (config.changed(config.default_config(), {"data.image_size": size}) for size in ((24, 16), (16, 24)))
    tall, wide = map(config.architecture, configs)
    kept = json.loads(json.dumps(tall))
    assert config.differing_architecture(kept, tall) == []
    assert config.differing_architecture(kept, wide) == ["data.image_size is (24, 16) there and (16, 24) here"]


def test_a_new_line_is_a_new_setting(monkeypatch):
    """As a field of a group, it is in the default config, checked and explained."""

    @dataclasses.dataclass
    class Model(schema.Model):
        heads: int = schema.fixed(4, "of attention", at_least=1, at_most=64)

    (added,) = [setting for setting in schema.settings_of(Model, "model.") if setting.name not in config.SETTINGS]
    monkeypatch.setitem(config.SETTINGS, added.name, added)
    changed = config.default_config()
    assert changed.model.heads == 4 and added.architecture
    assert config.settings()["model.heads"].explanation == "of attention"
    changed.model.heads = 65
    with pytest.raises(UserError, match=r"^--config.model.heads=65: must be from 1 to 64$"):
        config.validate(changed)


def test_configs_of_version_0_1_find_their_base():
    from flowconv import configuration

    assert configuration.default_config() == config.default_config()


def test_imports_no_tensorflow():
    code = "import sys; sys.modules.update(tensorflow=None, keras=None); from flowconv import config; config.settings()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
