"""docs/reference/settings.md is what the schema and the parts say."""

from tools import settings


def test_the_page_is_up_to_date():
    assert settings.PAGE.read_text(encoding="utf-8") == settings.page(), "make docs, or python tools/settings.py"
