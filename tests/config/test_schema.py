"""A setting is one line of the schema: the default config, flags, help, validation and docs follow."""

import ast
import dataclasses
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
