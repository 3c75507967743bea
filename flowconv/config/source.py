"""Classes and functions as their source has them, without an import."""

import ast
import dataclasses
import functools
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]  # that packages lie in
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda value, among: value in among,
}


@dataclass(frozen=True)
class Check:
    """A check of a number, as `flowconv.core.arguments` has it.

    Attributes:
      source: of a function of the number that says whether it is right.
      expected: what is right, in words.
    """

    source: str
    expected: str

    def takes(self, value: Any) -> bool:
        """Returns whether a value is right.

        Raises:
          NotImplementedError: for a function that does more than to compare numbers.
        """
        function = ast.parse(self.source, mode="eval").body
        assert isinstance(function, ast.Lambda)
        try:
            return bool(_computed(function.body, {function.args.args[0].arg: value}))
        except (TypeError, ValueError, OverflowError):  # of what isn't finite
            return False


@dataclass(frozen=True)
class Argument:
    """An argument of a function or a constructor.

    Attributes:
      name: by which it can be given.
      default: a literal; None if there is none, or another one.
      help: what the docstring's Args say of it.
      choices: the words of a Literal.
      check: that the function makes of it; None if it makes none.
    """

    name: str
    default: Any
    help: str
    choices: tuple[str, ...]
    check: Check | None


@dataclass(frozen=True)
class Definition:
    """A class or a function.

    Attributes:
      name: its own.
      summary: the first line of its docstring.
      arguments: of the function, or of the class' constructor, which may be that of a base class.
      attributes: of the class, its own and those of its base classes, or of the function's file, where they are
        literals.
    """

    name: str
    summary: str
    arguments: tuple[Argument, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@functools.cache
def function_in(path: Path, name: str) -> Definition | None:
    """Returns the function of this name in a file."""
    found = _defined(path, name)
    if not isinstance(found, ast.FunctionDef):
        return None
    constants = {
        ast.unparse(target): _literal(node.value)
        for node in _parsed(path).body
        if isinstance(node, ast.Assign)
        for target in node.targets
    }
    return Definition(name, _summary(found), _arguments(found, _docstring(found)), constants)


@functools.cache
def class_in(path: Path, base: str) -> Definition | None:
    """Returns the public class in a file that is, or may be, derived from that of the name `base`; None of several."""
    found = [node for node in _parsed(path).body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]
    if len(found) > 1:
        found = [node for node in found if _derives(path, node.name, base)]
    if len(found) != 1:
        return None
    (node,) = found
    arguments: tuple[Argument, ...] | None = None
    checks: dict[str, Check] = {}
    attributes: dict[str, Any] = {}
    for ancestor in _ancestors(path, node.name):
        for member in ancestor.body:
            if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                checks = dict(_checks(member)) | checks
                if arguments is None:
                    arguments = _arguments(member, _docstring(ancestor))[1:]
            elif isinstance(member, ast.Assign):
                for target in member.targets:
                    attributes.setdefault(ast.unparse(target), _literal(member.value))
            elif isinstance(member, ast.AnnAssign):
                attributes.setdefault(ast.unparse(member.target), _literal(member.value))
    # What a constructor gives its base class under the same name is checked there.
    arguments = tuple(dataclasses.replace(each, check=checks.get(each.name)) for each in arguments or ())
    return Definition(node.name, _summary(node), arguments, attributes)


def syntax_error(path: Path) -> str:
    """Returns the line about an error in the syntax of a file, or ""."""
    try:
        ast.parse(_text(path))
        return ""
    except (SyntaxError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def _computed(node: ast.expr, numbers: Mapping[str, Any]) -> Any:
    """The value of an expression: `eval` would be shorter, and do whatever a file says."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) if name in numbers:
            return numbers[name]
        case ast.Tuple(elts=parts):
            return [_computed(part, numbers) for part in parts]
        case ast.BoolOp(op=both, values=parts):
            return (all if isinstance(both, ast.And) else any)(_computed(part, numbers) for part in parts)
        case ast.BinOp(left=left, op=ast.Mod(), right=right):
            return _computed(left, numbers) % _computed(right, numbers)
        case ast.Compare(left=left, ops=kinds, comparators=rest):
            parts = [_computed(part, numbers) for part in (left, *rest)]
            compare = [COMPARISONS[type(kind)] for kind in kinds]
            return all(is_so(a, b) for is_so, a, b in zip(compare, parts, parts[1:], strict=False))
        case ast.Call(func=ast.Name(id="int" | "float" as name), args=[argument]):
            found = _computed(argument, numbers)
            return int(found) if name == "int" else float(found)
        case ast.Call(func=ast.Attribute(value=ast.Name(id="operator"), attr="index"), args=[argument]):
            return operator.index(_computed(argument, numbers))
        case ast.Attribute(value=ast.Name(id="math"), attr="inf"):
            return math.inf
    raise NotImplementedError(f"a check must compare numbers alone, got {ast.unparse(node)}")


@functools.cache
def _text(path):
    return "\n" + path.read_text(encoding="utf-8", errors="replace")


@functools.cache
def _parsed(path):
    """The syntax of a file; of one that has an error, nothing: importing it tells."""
    try:
        return ast.parse(_text(path))
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _defined(path, name):
    """The class or function of this name in a file, which is parsed only if it has one."""
    if f"\nclass {name}" not in _text(path) and f"\ndef {name}" not in _text(path):
        return None
    kinds = (ast.ClassDef, ast.FunctionDef)
    return next((node for node in _parsed(path).body if isinstance(node, kinds) and node.name == name), None)


def _ancestors(path: Path, name: str) -> Iterator[ast.ClassDef]:
    """A class and all that it derives from, as far as this program defines them, about as Python looks them up."""
    waiting, seen = [(path, name)], set()
    while waiting:
        path, name = place = waiting.pop(0)
        if place not in seen:
            seen.add(place)
            found = _defined(path, name)
            if isinstance(found, ast.ClassDef):
                yield found
                waiting[:0] = [(path, base) for base in map(ast.unparse, found.bases) if base != name]
            elif found is None:
                waiting[:0] = _imported(path, name)


def _imported(path, name):
    """Where in this program a file has a name from."""
    for node in _parsed(path).body:
        original = {alias.asname or alias.name: alias.name for alias in getattr(node, "names", ())}.get(name)
        if original and isinstance(node, ast.ImportFrom) and node.module:
            there = ROOT / node.module.replace(".", "/")
            there = there / "__init__.py" if there.is_dir() else there.with_suffix(".py")
            if there.is_file():
                return [(there, original)]
    return []


def _derives(path, name, base):
    """Whether a class derives from one of the name `base`."""
    written = {ast.unparse(each) for ancestor in _ancestors(path, name) for each in ancestor.bases}
    return base in {each.rpartition(".")[2] for each in written}


def _arguments(function, docstring):
    """The arguments that can be given by name."""
    signature, helps, checks = function.args, _explained(docstring), dict(_checks(function))
    positional = [*signature.posonlyargs, *signature.args]
    defaults = [None] * (len(positional) - len(signature.defaults)) + signature.defaults
    both = zip([*positional, *signature.kwonlyargs], [*defaults, *signature.kw_defaults], strict=True)
    return tuple(
        Argument(
            node.arg,
            _default(node, default),
            helps.get(node.arg, ""),
            _choices(node.annotation),
            checks.get(node.arg),
        )
        for node, default in both
    )


def _checks(function):
    """The checks in a function, of its arguments by their names."""
    for node in ast.walk(function):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if called == "arguments.number" and isinstance(node.args[1], ast.Lambda):
            yield _literal(node.args[2]), Check(ast.unparse(node.args[1]), _literal(node.args[3]))
        elif called == "arguments.whole":
            low = _literal(node.args[0])
            check = Check(f"lambda n: operator.index(n) >= {low}", f"a whole number of at least {low}")
            yield from ((keyword.arg, check) for keyword in node.keywords)


def _default(argument, value):
    """The value of a default that is a literal; a float where that is what is annotated."""
    default = _literal(value)
    annotated = argument.annotation is not None and ast.unparse(argument.annotation)
    return float(default) if annotated == "float" and type(default) is int else default


def _literal(value):
    try:
        return None if value is None else ast.literal_eval(value)
    except ValueError:
        return None


def _choices(annotation):
    """The words of a Literal."""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("Literal"):
        words = _literal(annotation.slice)
        return words if isinstance(words, tuple) else (words,)
    return ()


def _docstring(node):
    return ast.get_docstring(node) or ""


def _summary(node):
    return _docstring(node).partition("\n")[0]


def _explained(docstring):
    """The explanations of arguments in a docstring, by their names."""
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)+)", docstring, re.MULTILINE)
    entries = re.findall(r"^  (\w+): (.*(?:\n    +.*)*)", section[1], re.MULTILINE) if section else []
    return {name: " ".join(text.split()).rstrip(".") for name, text in entries}
