"""Shell completion, as bash itself completes."""

import shutil
import subprocess
import sys

import pytest

from flowconv import __main__
from flowconv.cli import completion
from flowconv.config import config_file, settings
from tests.runs import ROOT

# What readline does when Tab is pressed: words are broken at an =, too.
COMPLETE = r"""
compopt() { echo "nospace" >&2; }
COMP_LINE=$1 COMP_POINT=${#1}
COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
[[ $1 != *" " ]] || ((++COMP_CWORD))
_flowconv
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def bash(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "flowconv.bash"
    path.write_text(completion.script("bash") + COMPLETE)
    return path


def completed(bash, line):
    result = subprocess.run(["bash", bash, line], capture_output=True, text=True, check=True)
    assert result.stderr in ("", "nospace\n")
    return result.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("flowconv sa", ["sample"]),
        ("flowconv --v", ["--version"]),
        ("flowconv comp", ["compare", "compare_exported", "completion"]),
        ("flowconv help tr", ["train"]),
        ("flowconv completion ", ["bash", "zsh"]),
        ("flowconv sample --wo", ["--workdir="]),
        ("flowconv sample --nof", ["--nofiles"]),
        ("flowconv evaluate --precision=f", ["float32", "float64"]),
        ("flowconv train --config=cif", ["cifar10"]),
        ("flowconv train --config.model.dep", ["--config.model.depth="]),
        ("flowconv train --workdir=x --config.model.convolution=rolled", ["rolled_shift"]),
        ("flowconv train --config.model.depth=", []),  # then bash completes files
        ("flowconv nothing --", []),
    ],
)
def test_bash_completes(bash, line, expected):
    assert completed(bash, line) == expected


def test_every_setting_and_config_is_completed(bash):
    found = completed(bash, "flowconv train --config")
    assert set(found) == {"--config=", *(f"--config.{name}=" for name in settings())}
    assert set(completed(bash, "flowconv train --config=")) == {path.stem for path in config_file.CONFIGS.glob("*.py")}


def test_a_flag_that_takes_a_value_is_followed_by_no_space(bash):
    for line, message in (("flowconv sample --wo", "nospace\n"), ("flowconv sample --fi", "")):
        assert subprocess.run(["bash", bash, line], capture_output=True, text=True).stderr == message


def test_zsh_reads_its_script(tmp_path):
    text = completion.script("zsh")
    assert text.startswith("#compdef flowconv\n") and "--config.model.convolution=shift" in text
    if zsh := shutil.which("zsh"):
        path = tmp_path / "flowconv.zsh"
        path.write_text(text)
        subprocess.run([zsh, "-n", path], check=True)


@pytest.mark.parametrize("arguments", [[], ["fish"], ["bash", "zsh"]], ids=" ".join)
def test_another_shell_is_refused(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["flowconv", "completion", *arguments])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    line = "error: flowconv completion: name a shell: bash or zsh\n"
    assert ended.value.code == 2 and capsys.readouterr().err == line


def test_the_page_says_how():
    page = (ROOT / "docs/reference/command_line.md").read_text()
    for shell in completion.SHELLS:
        assert f'eval "$(flowconv completion {shell})"' in page
