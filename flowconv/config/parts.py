"""Parts that are found by the name of their file, as `model.convolution=emerging` in convolutions/emerging.py.

A folder holds one part a file: one public class or, among the models, the function of the file's own name. The keywords
of its constructor that have a number, a word or a truth value as default are settings, in the group of the setting that
chooses the part. Names and settings are read from the source, so that flags are known before TensorFlow is imported. A
part whose name is a word of Python's lies in a file with an underscore after it, as `class` in class_.py.
"""

import functools
import importlib
import inspect
import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowconv.config.setting import KINDS, Setting
from flowconv.config.source import ROOT, Definition, class_in, function_in, syntax_error
from flowconv.words import nearest

OF_LAYERS = ("condition", "dtype", "name")  # objects, which no setting is
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
        self.paths = (ROOT / package.replace(".", "/"),)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parts."""
        return tuple(files_of(self.paths, functions=not self.base))

    def __iter__(self):
        return iter(self.names)

    def __getitem__(self, number):
        return self.names[number]

    def __len__(self):
        return len(self.names)

    def part(self, name: str) -> "Part":
        """Returns the part of this name.

        Raises:
          ValueError: if there is none.
        """
        files = files_of(self.paths, functions=not self.base)
        if name not in files:
            right = f"must be one of {', '.join(files)}"
            raise ValueError(f"{self.kind} {right}, got {name!r}{nearest(name, files)}")
        return Part(self, name, files[name])

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
        module, base = importlib.import_module(f"{self.folder.package}.{self.path.stem}"), self.folder.base
        if not base:
            return getattr(module, self.name)
        classes = [value for name, value in vars(module).items() if inspect.isclass(value) and name[0] != "_"]
        own = [value for value in classes if value.__module__ == module.__name__]
        found = [value for value in own if base in (each.__name__ for each in value.__mro__)]
        if len(found) != 1:
            raise ValueError(f"{module.__file__} must hold one public {base}, and holds {len(found)}")
        return found[0]

    @property
    def definition(self) -> Definition:
        """The class or function as its source has it; one without arguments, if the file is none."""
        base = self.folder.base
        found = class_in(self.path, base) if base else function_in(self.path, self.name)
        return found or Definition("", "", ())

    @property
    def problem(self) -> str:
        """The line about a file that is no part; "" of one that is, as far as can be read."""
        if error := syntax_error(self.path):
            return f"{self.path} can't be read: {error}"
        return "" if self.definition.name else f"{self.path} must hold one public {self.folder.base}"

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return self.definition.summary

    @property
    def training_unit(self) -> str:
        """The unit of the loss of training with a dequantization."""
        return self.definition.attributes.get("training_unit") or "bits/dim"

    @property
    def unsafe_inverse(self) -> str:
        """Why its inverse is no good for training in float32; "" if it is."""
        return self.definition.attributes.get("unsafe_inverse") or ""

    @property
    def slow_inverse(self) -> str:
        """Why a family is not trained by inverting it; "" of one that may be."""
        return self.definition.attributes.get("SLOW_INVERSE") or ""

    @property
    def is_autoregressive(self) -> bool:
        """Whether it is a network for autoregressive layers, or a family that has such layers."""
        attributes = self.definition.attributes
        return bool(attributes.get("is_autoregressive") or attributes.get("IS_AUTOREGRESSIVE"))

    @property
    def unseen_halvings(self) -> int | None:
        """The number of a family's L halvings whose result no coupling sees; None if it doesn't say."""
        return self.definition.attributes.get("UNSEEN_HALVINGS")

    @property
    def has_attention(self) -> bool:
        """Whether it is a network for autoregressive layers with an attention."""
        return bool(self.definition.attributes.get("has_attention"))

    @property
    def is_lipschitz(self) -> bool:
        """Whether it is a network for residual layers."""
        return bool(self.definition.attributes.get("is_lipschitz"))

    @property
    def keywords(self) -> tuple[str, ...]:
        """The names of its arguments besides those of every layer."""
        return tuple(each.name for each in self.definition.arguments if each.name not in OF_LAYERS)

    def settings(self, group: str, architecture: bool = False) -> dict[str, Setting]:
        """Returns its settings by their names, which begin with that of the group."""
        return {
            f"{group}.{each.name}": Setting(
                f"{group}.{each.name}",
                each.default,
                each.help,
                choices=each.choices,
                architecture=architecture,
                own_check=each.check,
            )
            for each in self.definition.arguments
            if each.name not in GIVEN and type(each.default) in KINDS
        }


@functools.cache
def files_of(folders: tuple[Path, ...], functions: bool) -> dict[str, Path]:
    """Returns the files of parts in folders by name; functions: those that define one of their own name."""
    files = {_name(path): path for folder in folders for path in folder.glob("[!_]*.py")}
    return {name: files[name] for name in sorted(files) if not functions or function_in(files[name], name)}


def _name(path: Path) -> str:
    """The name of the part in a file."""
    word = path.stem.removesuffix("_")
    return word if keyword.iskeyword(word) else path.stem


def keywords() -> tuple[str, ...]:
    """Returns the names of the arguments of all parts of all folders."""
    every = (folder.part(name).keywords for folder in FOLDERS for name in folder)
    return tuple(dict.fromkeys(keyword for keywords in every for keyword in keywords))


MODELS = Folder("flowconv.models", "model")
CONVOLUTIONS = Folder("flowconv.bijectors.convolutions", "convolution", "Bijector")
MATRICES = Folder("flowconv.bijectors.matrices", "parameterization", "SquareMatrix")
TRANSFORMS = Folder("flowconv.bijectors.elementwise", "coupling", "Transform")
NETWORKS = Folder("flowconv.networks", "network", "Network")
PREPROCESSINGS = Folder("flowconv.bijectors.pixels", "preprocessing", "Bijector")
DEQUANTIZATIONS = Folder("flowconv.surjections", "dequantization", "Dequantization")
CONDITIONS = Folder("flowconv.conditions", "condition", "Condition")
DATASETS = Folder("flowconv.data.datasets", "data set", "Dataset")
SINKS = Folder("flowconv.training.sinks", "sink", "Sink")
FOLDERS = (MODELS, CONVOLUTIONS, MATRICES, TRANSFORMS, NETWORKS, PREPROCESSINGS, DEQUANTIZATIONS, CONDITIONS)
