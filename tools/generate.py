"""Writes what is generated in pages of docs/: tables of results, the commands, worked examples, notebooks, a model.

A page says where by a comment, `<!-- generated: NAME -->`; what follows up to `<!-- end -->` is replaced.

    python tools/generate.py              # `make docs` does it
    python tools/generate.py --check      # `make lint` does it: status 1 if a page isn't what it would be
"""

import functools
import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import scaling_model  # noqa: E402, the repository is not installed
from tools import command_sections, notebooks, tables  # noqa: E402, the repository is not installed


def _code(path):
    return f"```python\n{path.read_text(encoding='utf-8')}```"


BLOCK = re.compile(r"(<!-- generated: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
EXAMPLES = {path.stem: path for path in (ROOT / "docs/examples").glob("*.py")}
BLOCKS: dict[str, Callable[[], str]] = {
    **tables.TABLES,
    **command_sections.SECTIONS,
    "scaling model": lambda: tables.markdown(scaling_model.header(), scaling_model.rows()),
    **{
        f"notebook {path.stem}": functools.partial(notebooks.page, path) for path in notebooks.NOTEBOOKS.glob("*.ipynb")
    },
    **{f"example {name}": functools.partial(_code, path) for name, path in EXAMPLES.items()},
}


def written(text: str) -> str:
    """Returns a page with its generated blocks made anew.

    Raises:
      KeyError: for a block of a name that nothing generates.
    """
    return BLOCK.sub(lambda block: f"{block[1]}\n{BLOCKS[block[2]]().strip()}\n\n{block[3]}", text)


def main() -> int:
    """Writes all pages, or says which aren't what they would be; returns the exit status."""
    stale = []
    for page in sorted((ROOT / "docs").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if written(text) != text:
            stale.append(page.relative_to(ROOT))
            if "--check" not in sys.argv:
                page.write_text(written(text), encoding="utf-8")
    if stale and "--check" in sys.argv:
        print(f"error: {', '.join(map(str, stale))}: not what is generated: make docs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
