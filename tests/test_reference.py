"""Pages of the API: every public name stands on one, with an example (which tests/test_examples.py runs)."""

import doctest
import functools
import importlib
import inspect
import re
import types

import pytest

import flowconv
from flowconv.config.parts import FOLDERS
from tests.runs import ROOT

PAGES = sorted((ROOT / "docs/reference/api").glob("*.md"))
DIRECTIVE = re.compile(r"^::: ([\w.]+)$((?:\n +.*)*)", re.MULTILINE)
PACKAGES = (flowconv, flowconv.bijectors, flowconv.models)


def found(path):
    """The module, or what one holds, of a path with dots."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)


def names_of(module, options):
    """The names of a module that its page shows, as mkdocs.yml has it: the public ones that are its own."""
    if members := re.search(r"members: \[(.*)\]", options):
        return members[1].split(", ")
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    return getattr(module, "__all__", [name for name in own if name[0] != "_" and is_documented(vars(module)[name])])


def is_documented(value):
    """Whether it has a docstring of its own: constants and modules have their package's."""
    return inspect.isclass(value) or inspect.isfunction(value)


def shown():
    """Returns the objects that the pages show, by their paths."""
    for page in PAGES:
        for path, options in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            target = found(path)
            if not inspect.ismodule(target):
                yield path, target
                continue
            yield path, target
            yield from ((f"{path}.{name}", getattr(target, name)) for name in names_of(target, options))


def examples(value):
    """The source of the examples in its docstring."""
    return "".join(example.source for example in doctest.DocTestParser().get_examples(value.__doc__ or ""))


SHOWN = dict(shown())
NAMED = {path: value for path, value in SHOWN.items() if is_documented(value)}


@pytest.mark.parametrize("path", NAMED)
def test_a_public_name_has_an_example(path):
    assert examples(NAMED[path]), f"the docstring of {path} has no Example"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_all_names_of_a_package_stand_on_a_page(package):
    """Constants in the example of their package, families as the functions that they call."""
    for name in package.__all__:
        value = getattr(package, name)
        if inspect.ismodule(value):
            assert value.__name__ in SHOWN
        elif isinstance(value, functools.partial):
            assert f"{package.__name__}.{name}.{name}" in NAMED
        elif is_documented(value):
            assert value in NAMED.values()
        else:
            assert re.search(rf"\b{name}\b", examples(package)), f"no example of {package.__name__} has {name}"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.kind)
def test_all_parts_stand_on_a_page(folder):
    missing = [name for name in folder if folder.load(name) not in NAMED.values()]
    assert not missing, f"docs/reference/api shows no {folder.kind} {', '.join(missing)}"


def test_a_name_without_an_example_is_noticed(monkeypatch):
    module = types.ModuleType("new")

    def function():
        """Returns nothing."""

    function.__module__ = "new"
    vars(module).update(function=function, _hidden=function, LIMIT=3)
    assert names_of(module, "") == ["function"] and not examples(function)
    monkeypatch.setitem(NAMED, "new.function", function)
    with pytest.raises(AssertionError, match=r"new.function has no Example"):
        test_a_public_name_has_an_example("new.function")
