"""The length of sentences in README.md and docs/: at most 18 words in the mean of a page, under 8 % with more than 30.

Tables, code, headings and pictures are left out. Inline code counts with all its words.

    python tools/sentences.py                        # every page of the repository; status 1 if one breaks a limit
    python tools/sentences.py --longest README.md    # the longest ones, too
    python tools/sentences.py --quiet                # only the pages that break one; `make lint` does it
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEAN = 18.0
LONG, SHARE = 30, 0.08

NO_PROSE = re.compile(
    r"^---\n.*?^---$"  # front matter
    r"|^ *```.*?^ *```$"
    r"|<!--.*?-->"
    r"|^\|.*?$"  # a table's row
    r"|^#.*?$"  # a heading
    r"|^(?:!!!|\?\?\?|:::).*?$"  # marks of mkdocs
    r"|!\[[^]]*\]\([^)]*\)",  # a picture
    re.MULTILINE | re.DOTALL,
)
INDENTED = re.compile(r"(?:^|\n\n)(?:(?: {4,}.*)?\n)+(?: {4,}.*)?")
LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")
ITEM = re.compile(r"\n(?= *(?:[*+-]|\d+\.) )")
END = re.compile(r"(?<=[.!?])[\"”)*`]*\s+")


def sentences(text: str) -> list[str]:
    """Returns the sentences of a page of Markdown; the end of a paragraph or of a list's item ends one."""
    text = NO_PROSE.sub("", text)
    text = INDENTED.sub("\n\n", text)
    text = LINK.sub(r"\1", text)
    paragraphs = [item for paragraph in re.split(r"\n\s*\n", text) for item in ITEM.split(paragraph)]
    return [sentence for paragraph in paragraphs for sentence in END.split(paragraph.strip()) if words(sentence)]


def words(sentence: str) -> int:
    """Returns how many words a sentence has; signs between blanks are none."""
    return sum(any(character.isalnum() for character in word) for word in sentence.split())


def pages() -> list[Path]:
    """Returns the pages of the repository's root and of docs/."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def main() -> int:
    """Prints a line a page; returns the exit status."""
    options = {argument for argument in sys.argv[1:] if argument.startswith("--")}
    named = [Path(name).resolve() for name in sys.argv[1:] if name not in options]
    status = 0
    for path in named or pages():
        found = sentences(path.read_text(encoding="utf-8"))
        counts = [words(sentence) for sentence in found]
        if not counts:
            continue
        mean, share = sum(counts) / len(counts), sum(count > LONG for count in counts) / len(counts)
        broken = mean > MEAN or share >= SHARE
        status |= broken
        if broken or "--quiet" not in options:
            name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
            verdict = f"  too long: at most {MEAN:g} in the mean, {SHARE:.0%} over {LONG}" if broken else ""
            print(f"{len(counts):4} sentences of {mean:4.1f} words, {share:5.1%} over {LONG}: {name}{verdict}")
        if "--longest" in options:
            for count, sentence in sorted(zip(counts, found, strict=True), reverse=True)[:10]:
                print(f"{count:16}  {' '.join(sentence.split())}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
