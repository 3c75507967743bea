"""Runs the documents' notebooks, and keeps what their cells show, as Jupyter would.

    python tools/notebooks.py     # after a cell or the package changed; a minute or two

It writes outputs into docs/notebooks/NAME.ipynb and their pictures into docs/pictures/NAME/, of which `make docs` makes
a page. Jupyter itself would bring some sixty packages to do this, and the notebooks use none of its magic.
"""

import ast
import base64
import contextlib
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "docs/notebooks"
PICTURES = ROOT / "docs/pictures"
PNG = "image/png"


def read(path: Path) -> dict[str, Any]:
    """Returns a notebook."""
    return json.loads(path.read_text(encoding="utf-8"))


def run(notebook: dict[str, Any], name: str) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Runs a notebook's cells of code one after the other, in the current folder.

    Args:
      notebook: as `read` returns it.
      name: for tracebacks.

    Yields:
      Each cell of code, and its outputs in the form of nbformat 4.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            yield cell, _outputs_of("".join(cell["source"]), f"{name}, cell {number}", namespace)


def _outputs_of(source, place, namespace):
    """The text that a cell prints, then the value of its last line if this is an expression."""
    body = ast.parse(source).body
    last = ast.Expression(body.pop().value) if body and isinstance(body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(ast.Module(body, []), place, "exec"), namespace)
        value = None if last is None else eval(compile(last, place, "eval"), namespace)
    outputs = []
    if printed.getvalue():
        text = printed.getvalue().splitlines(keepends=True)
        outputs.append({"output_type": "stream", "name": "stdout", "text": text})
    if value is not None:
        data = {"text/plain": [repr(value)]}
        if hasattr(value, "_repr_png_"):
            data[PNG] = base64.b64encode(value._repr_png_()).decode()
        outputs.append({"output_type": "execute_result", "execution_count": None, "metadata": {}, "data": data})
    return outputs


def pictures(notebook: dict[str, Any]) -> list[bytes]:
    """Returns the PNG pictures of a notebook's outputs, in order."""
    shown = (each["data"] for cell in notebook["cells"] for each in cell.get("outputs", ()) if "data" in each)
    return [base64.b64decode(data[PNG]) for data in shown if PNG in data]


def page(path: Path) -> str:
    """Returns a notebook as a page of the documents: its text, its code and what this shows."""
    parts, number = [], 0
    for cell in read(path)["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()):
            if PNG in output.get("data", ()):
                parts.append(f"![what the cell shows](../pictures/{path.stem}/{number}.png)")
                number += 1
            else:
                text = "".join(output["text"] if "text" in output else output["data"]["text/plain"])
                parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts)


def main() -> None:
    """Runs every notebook in a folder of its own, and writes what it shows."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = read(path)
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            for cell, outputs in run(notebook, path.name):
                cell["outputs"] = outputs
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        folder = PICTURES / path.stem
        folder.mkdir(exist_ok=True)
        for number, picture in enumerate(pictures(notebook)):
            (folder / f"{number}.png").write_bytes(picture)


if __name__ == "__main__":
    main()
