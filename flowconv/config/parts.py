"""Parts that are found by the name of their file, as `model.convolution=emerging` in convolutions/emerging.py.

A folder holds one part a file: one public class or, among the models, the function of the file's own name. The keywords
of its constructor that have a number, a word or a truth value as default are settings, in the group of the setting that
chooses the part. Names and settings are read from the source, so that flags are known before TensorFlow is imported.
"""

import ast
import functools
import importlib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowconv.config.setting import KINDS, Setting
from flowconv.words import nearest

ROOT = Path(__file__).resolve().parents[2]  # that packages lie in
OF_LAYERS = ("dtype", "name")
GIVEN = (*OF_LAYERS, "seed", "n_bits")  # by who builds the part


class Folder(Sequence[str]):
    """A folder of parts, as the sequence of their names.

    Args:
      package: that the folder is.
      kind: what a part is called in a refusal.
      base: the name of the class that parts derive from. Without one, a part is the function of its file's name, and
        other files are none.
    """

    def __init__(self, package: str, kind: str, base: str = ""):
        self.package, self.kind, self.base = package, kind, base
        self.paths = [ROOT / package.replace(".", "/")]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parts."""
        return tuple(sorted(name for name, path in self._files() if self.base or defined(path, name)))

    def __getitem__(self, number):
        return self.names[number]

    def __len__(self):
        return len(self.names)

    def part(self, name: str) -> "Part":
        """Returns the part of this name.

        Raises:
          ValueError: if there is none.
        """
        if name not in self.names:
            right = f"must be one of {', '.join(self.names)}"
            raise ValueError(f"{self.kind} {right}, got {name!r}{nearest(name, self.names)}")
        return Part(self, name, dict(self._files())[name])

    def load(self, name: str) -> Any:
        """Imports a part's module, and returns the class or function; raises as `part`, or for a file of several."""
        return self.part(name).load()

    def make(self, name: str, settings: Mapping[str, Any], /, **arguments: Any) -> Any:
        """Returns an object of a part's class, or the function's result.

        Args:
          name: of the part.
          settings: keywords of any part of any folder, of which this one gets its own.
          arguments: its other ones.

        Raises:
          ValueError: if there is no such part, or a setting that no part has.
        """
        part = self.part(name)
        make, own = part.load(), part.keywords
        known = {*own, *keywords()}
        for setting in settings:
            if setting not in known:
                raise ValueError(f"{name} has no {setting}{nearest(setting, known)}")
        return make(**{setting: value for setting, value in settings.items() if setting in own}, **arguments)

    def _files(self) -> Iterator[tuple[str, Path]]:
        return ((path.stem, path) for folder in self.paths for path in folder.glob("[!_]*.py"))


@dataclass(frozen=True)
class Part:
    """A part of a folder.

    Attributes:
      folder: it lies in.
      name: of its file.
      path: of its file.
    """

    folder: Folder
    name: str
    path: Path

    def load(self) -> Any:
        """Imports the part's module, and returns its class or function.

        Raises:
          ValueError: if there isn't one class.
        """
        module, base = importlib.import_module(f"{self.folder.package}.{self.name}"), self.folder.base
        if not base:
            return getattr(module, self.name)
        found = [value for name, value in vars(module).items() if inspect.isclass(value) and not name.startswith("_")]
        found = [value for value in found if value.__module__ == module.__name__ and base in _names_of(value)]
        if len(found) != 1:
            raise ValueError(f"{module.__file__} must hold one public {base}, and holds {len(found)}")
        return found[0]

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return next(((ast.get_docstring(found) or "").partition("\n")[0] for found in self._definitions()), "")

    @property
    def keywords(self) -> tuple[str, ...]:
        """The names of its arguments besides those of every layer."""
        return tuple(argument.arg for argument, _ in self._constructor()[1] if argument.arg not in OF_LAYERS)

    def settings(self, prefix: str, architecture: bool = False) -> dict[str, Setting]:
        """Returns its settings by their names, which begin with the prefix, as "model."."""
        documented, arguments = self._constructor()
        helps = _arguments_of(documented)
        found = {}
        for argument, value in arguments:
            default = _literal(value)
            if argument.annotation is not None and ast.unparse(argument.annotation) == "float" and type(default) is int:
                default = float(default)
            if argument.arg not in GIVEN and type(default) in KINDS:
                name, choices = f"{prefix}{argument.arg}", _choices(argument.annotation)
                found[name] = Setting(
                    name, default, helps.get(argument.arg, ""), choices=choices, architecture=architecture
                )
        return found

    def _definitions(self):
        """The public classes of its file that may be the part, or the function."""
        if not self.folder.base:
            return [defined(self.path, self.name)]
        found = [node for node in parsed(self.path).body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]
        return found if len(found) < 2 else [node for node in found if derives(self.path, node.name, self.folder.base)]

    def _constructor(self):
        """Docstring and arguments of what makes the part; nothing of a file that is none."""
        found = self._definitions()
        if len(found) != 1:
            return "", []
        if not self.folder.base:
            return ast.get_docstring(found[0]) or "", arguments(found[0])
        return constructor(self.path, found[0].name)


def keywords() -> tuple[str, ...]:
    """Returns the names of the arguments of all parts of all folders."""
    return tuple(
        dict.fromkeys(keyword for folder in FOLDERS for name in folder for keyword in folder.part(name).keywords)
    )


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Returns the syntax of a file; of one that has an error, nothing: importing it tells."""
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def defined(path: Path, name: str) -> ast.ClassDef | ast.FunctionDef | None:
    """Returns the class or function of this name in a file."""
    kinds = (ast.ClassDef, ast.FunctionDef)
    return next((node for node in parsed(path).body if isinstance(node, kinds) and node.name == name), None)


@functools.cache
def constructor(path: Path, name: str) -> tuple[str, list[tuple[ast.arg, ast.expr | None]]]:
    """Returns the docstring of a class and the arguments of its constructor, which may be a base class' own."""
    path, found = origin(path, name)
    if not isinstance(found, ast.ClassDef):
        return "", []
    for method in found.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            return ast.get_docstring(found) or "", arguments(method)[1:]
    there = [constructor(path, base) for base in bases(found)]
    return next((found for found in there if found[1]), ("", []))


def derives(path: Path, name: str, base: str) -> bool:
    """Returns whether a class is, as far as can be read, one of the name `base`, or derives from it."""
    if name.rpartition(".")[2] == base:
        return True
    there, found = origin(path, name)
    return isinstance(found, ast.ClassDef) and any(derives(there, each, base) for each in bases(found))


def bases(definition: ast.ClassDef) -> list[str]:
    """Returns the base classes as they are written; those that are written as the class itself aside."""
    return [name for name in map(ast.unparse, definition.bases) if name != definition.name]


def origin(path: Path, name: str) -> tuple[Path, ast.ClassDef | ast.FunctionDef | None]:
    """Returns the file of this program that defines what a file calls by this name, and the definition."""
    found = defined(path, name)
    for node in parsed(path).body if found is None else ():
        if isinstance(node, ast.ImportFrom) and node.module:
            original = {alias.asname or alias.name: alias.name for alias in node.names}.get(name)
            there = ROOT / node.module.replace(".", "/")
            there = there / "__init__.py" if there.is_dir() else there.with_suffix(".py")
            if original and there.is_file() and there != path:
                return origin(there, original)
    return path, found


def arguments(function: ast.FunctionDef) -> list[tuple[ast.arg, ast.expr | None]]:
    """Returns the arguments of a function that can be given by name, and their defaults."""
    signature = function.args
    positional = [*signature.posonlyargs, *signature.args]
    defaults = [None] * (len(positional) - len(signature.defaults)) + signature.defaults
    return [*zip(positional, defaults, strict=True), *zip(signature.kwonlyargs, signature.kw_defaults, strict=True)]


def _names_of(value):
    """The names of a class and all its bases."""
    return [each.__name__ for each in value.__mro__]


def _literal(value):
    """A default, if it is a plain one."""
    try:
        return None if value is None else ast.literal_eval(value)
    except ValueError:
        return None


def _choices(annotation):
    """The words of a Literal."""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("Literal"):
        return (
            tuple(_literal(annotation.slice))
            if isinstance(annotation.slice, ast.Tuple)
            else (_literal(annotation.slice),)
        )
    return ()


def _arguments_of(docstring):
    """The explanations of arguments in a docstring, by their names."""
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)+)", docstring, re.MULTILINE)
    entries = re.findall(r"^  (\w+): (.*(?:\n    +.*)*)", section[1], re.MULTILINE) if section else []
    return {name: " ".join(text.split()).rstrip(".") for name, text in entries}


MODELS = Folder("flowconv.models", "model")
CONVOLUTIONS = Folder("flowconv.bijectors.convolutions", "convolution", "Bijector")
MATRICES = Folder("flowconv.bijectors.matrices", "parameterization", "SquareMatrix")
TRANSFORMS = Folder("flowconv.bijectors.elementwise", "coupling", "Transform")
NETWORKS = Folder("flowconv.networks", "network", "Network")
PREPROCESSINGS = Folder("flowconv.bijectors.pixels", "preprocessing", "Bijector")
DEQUANTIZATIONS = Folder("flowconv.surjections", "dequantization", "Dequantization")
FOLDERS = (MODELS, CONVOLUTIONS, MATRICES, TRANSFORMS, NETWORKS, PREPROCESSINGS, DEQUANTIZATIONS)
