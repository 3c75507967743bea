"""Adds what pyproject.toml can't say: configs/ in the wheel, as flowconv/configs, and README without links to files."""

import re
from pathlib import Path

from setuptools import find_packages, setup

README = Path("README.md")  # which a layer of a Docker image has not yet
PICTURE = r"^!\[[^]]*\]\([^)]*\)\n\n[^\n]*\n\n"  # with its caption
LINK = r"\[([^]]*)\]\((?!https?:)[^)]*\)"

# Where packages are shown there are no files beside the text, and no public address would have them.
text = README.read_text(encoding="utf-8") if README.exists() else ""
setup(
    packages=[*find_packages(include=["flowconv", "flowconv.*"]), "flowconv.configs"],
    package_dir={"flowconv.configs": "configs"},
    long_description=re.sub(LINK, r"\1", re.sub(PICTURE, "", text, flags=re.MULTILINE)),
    long_description_content_type="text/markdown",
)
