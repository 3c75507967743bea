"""Text is UTF-8 whatever the locale, and output that can't be written ends no program."""

import ast
import contextlib
import os
import re
import subprocess
import sys

import pytest

from tests.runs import FULL, ROOT, SMALL, environment, overrides

PROGRAMS = sorted(path for folder in ("flowconv", "scripts", "configs") for path in (ROOT / folder).rglob("*.py"))
OPENERS = {"open", "fdopen", "read_text", "write_text", "TemporaryFile", "NamedTemporaryFile"}
OWN = {"write_text"}  # as a function: flowconv.files
NO_FILES = {"Image", "os"}  # whose open() reads pictures, or gives a number


def in_the_locale_s_encoding(source):
    """The lines that read or write text without saying in which encoding."""
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", getattr(call.func, "id", None))
        owner = getattr(getattr(call.func, "value", None), "id", None)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        binary = any(isinstance(a, ast.Constant) and "b" in str(a.value) and len(str(a.value)) < 4 for a in call.args)
        binary = binary or (name.endswith("TemporaryFile") and not call.args) if name else binary
        own = name in OWN and isinstance(call.func, ast.Name)
        opens = name in OPENERS and not own and not binary and not (name == "open" and owner in NO_FILES)
        if "encoding" not in given and (opens or given.get("text") == "True"):
            yield call.lineno


@pytest.mark.parametrize(
    "path", [ROOT / "train.py", ROOT / "setup.py", *PROGRAMS], ids=lambda p: str(p.relative_to(ROOT))
)
def test_text_files_are_utf_8_whatever_the_locale(path):
    assert not list(in_the_locale_s_encoding(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "call", ["open(p)", "p.open('w')", "p.read_text()", "p.write_text(t)", "TemporaryFile('w')", "run(c, text=True)"]
)
def test_the_check_finds(call):
    assert list(in_the_locale_s_encoding(call))


@contextlib.contextmanager
def closed_pipe():
    """Whose reader has gone, as with `| head`."""
    reading, writing = os.pipe()
    os.close(reading)
    yield {"stdout": writing}
    os.close(writing)


@contextlib.contextmanager
def full_disk(**others):
    with open("/dev/full", "wb") as file:
        yield {"stdout": file} | others


@contextlib.contextmanager
def nothing_special(**options):
    yield options


OUTPUTS = {
    "its reader has gone": (closed_pipe, {}),
    "a full disk": (full_disk, {}),
    "errors on a full disk, too": (lambda: full_disk(stderr=subprocess.STDOUT), {}),
    "closed": (lambda: nothing_special(preexec_fn=lambda: os.close(1)), {}),
    "errors closed": (lambda: nothing_special(preexec_fn=lambda: os.close(2)), {}),
    "all closed": (lambda: nothing_special(preexec_fn=lambda: os.closerange(0, 3)), {}),
    "ASCII": (nothing_special, {"PYTHONIOENCODING": "ascii"}),
    "Latin-1": (nothing_special, {"PYTHONIOENCODING": "latin-1"}),
    "the C locale": (nothing_special, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
}
PROGRAMS_THAT_PRINT = {
    "print": ["-c", "from flowconv import process; process.forgive_output(); print('16 \\xd7 16 \\u2026 ' * 999)"],
    "train --help": ["train.py", "--help"],
    "flowconv --help": ["-m", "flowconv", "--help"],
}


def started(output, *arguments):
    """A program that has ended, started with this output."""
    streams, variables = OUTPUTS[output]
    with streams() as options:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env=environment(**variables), timeout=120, **options)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("program", PROGRAMS_THAT_PRINT)
def test_no_output_ends_a_program(program, output):
    result = started(output, *PROGRAMS_THAT_PRINT[program])
    assert result.returncode == 0 and not result.stderr, result.stderr


@pytest.mark.parametrize("output", ["its reader has gone", "all closed", "ASCII"] if FULL else ["its reader has gone"])
def test_a_run_goes_on_without_output(tmp_path, output):
    result = started(output, "train.py", f"--workdir={tmp_path}", *overrides(**SMALL | {"train.images": 32}))
    told = (result.stderr or b"").splitlines()  # of a slow machine's progress
    assert result.returncode == 0 and all(re.fullmatch(rb".+: [\d,]+/[\d,]+ \w+", line) for line in told), told
    assert (tmp_path / "results.json").exists()
    if output == "ASCII":
        assert b"1 ? 16 images a step" in result.stdout


def test_an_error_s_line_is_shown_in_ascii_with_what_it_names():
    result = started("ASCII", "train.py", "--config.model.depth=ß")
    assert result.returncode == 2 and result.stderr.startswith(rb"error: --config.model.depth=\xdf: ")
