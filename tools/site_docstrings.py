"""An extension of Griffe, which reads docstrings for the site: what stands under "Example:" is code there.

Griffe knows a section "Examples:" alone. Of another heading's text it makes paragraphs, in which >>> are quotations.
"""

import re

import griffe


class ExampleIsCode(griffe.Extension):
    """Makes the section that Griffe knows of the one that docstrings have."""

    def on_instance(self, *, obj: griffe.Object, **_) -> None:
        """Changes the heading in the docstring of a module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
