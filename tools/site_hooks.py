"""Hooks of mkdocs.yml: pages of the repository's root join the site, and links between files become links of pages.

On a forge a page links to files, as `../../SECURITY.md`. The site has pages alone: a link to one of the root's becomes
that page's, a link to any other file of the repository plain text.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
ROOT_PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
LINK = re.compile(r"(!?)\[([^]]*)\]\(([^)#\s:]+)(#[^)\s]*)?\)")


def on_files(files, config):
    """Adds the root's pages."""
    for name, uri in ROOT_PAGES.items():
        files.append(File.generated(config, uri, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown, page, config, files):
    """Makes links between files links between pages."""
    own = page.file.src_uri
    source = {uri: name for name, uri in ROOT_PAGES.items()}.get(own, f"docs/{own}")

    def of_the_site(match):
        mark, text, target, anchor = match.groups()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        uri = ROOT_PAGES.get(path, path.removeprefix("docs/"))
        if uri == path and (ROOT / path).exists():
            return text
        return f"{mark}[{text}]({posixpath.relpath(uri, posixpath.dirname(own) or '.')}{anchor or ''})"

    return LINK.sub(of_the_site, markdown)
