"""Pages of docs/: their Python runs, and what tools generate in them is up to date."""

import re
import shutil

import pytest

from flowconv.inference.saved_model import export
from flowconv.models import build_model
from tests.runs import ROOT
from tools import generate, sentences

DOCS = ROOT / "docs"
NOTEBOOKS = {"docs/tutorials/ten_things.md"}  # which have a test of their own
CODE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILES = [ROOT / "README.md", *DOCS.rglob("*.md")]
PAGES = {str(path.relative_to(ROOT)): CODE.findall(path.read_text(encoding="utf-8")) for path in FILES}


@pytest.mark.parametrize("page", sorted(page for page, code in PAGES.items() if code and page not in NOTEBOOKS))
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch, request):
    """One piece after the other, in one namespace, beside a finished run of photographs, and its export."""
    monkeypatch.chdir(tmp_path)
    code = "\n".join(PAGES[page])
    if "runs/photos" in code:
        workdir, _ = request.getfixturevalue("finished_run")
        shutil.copytree(workdir, "runs/photos")
    if '"photos_flow"' in code:
        flow = build_model("glow", (32, 32, 3), levels=1, depth=1, width=4)
        flow.reset_weights(seed=0)
        export(flow, "photos_flow")
    exec(compile(code, page, "exec"), {"__name__": page})


def test_what_is_generated_is_up_to_date():
    for path in DOCS.rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert generate.written(text) == text, f"{path}: make docs, or python tools/generate.py"


def test_a_stale_block_is_found():
    text = (DOCS / "results/startup.md").read_text(encoding="utf-8")
    stale = text.replace("\n*AMX, ", "\n*amx, ")  # in a line that no measurement changes
    assert stale != text == generate.written(stale)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Title\n\nOne two three. Four `five six`!\n\n* seven\n* eight nine\n", [3, 3, 1, 2]),
        ("| a | b |\n|---|---|\n\n    code that is indented\n\n```\nfenced code\n```\n\nOne [two](three.md).", [2]),
        ("Of 0.28.1 − and no other.", [5]),
    ],
)
def test_sentences_are_counted(text, expected):
    assert [sentences.words(sentence) for sentence in sentences.sentences(text)] == expected


def test_links_lead_to_files():
    for page in [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]:
        for target in re.findall(r"\]\(([\w./-]+)(?:#[\w-]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"
