"""The console command: `flowconv train --config=cifar10` is train.py, `flowconv sample` scripts/sample.py."""

import runpy
import sys
from pathlib import Path

from flowconv import __version__, help_page, process
from flowconv.configuration import nearest

HERE = Path(__file__).resolve().parent
# In a wheel the programs lie in the package (setup.py), in a checkout where everybody sees them.
FOLDERS = (HERE / "programs", HERE.parent / "scripts")


def programs() -> dict[str, Path]:
    """Returns the file of each program by its name, train first."""
    train = [path for path in (HERE / "programs/train.py", HERE.parent / "train.py") if path.is_file()]
    found = {"train": train[0]} if train else {}
    for folder in FOLDERS:
        found |= {path.stem: path for path in sorted(folder.glob("*.py")) if path.stem not in found}
    return found


def main() -> None:
    """Runs the program that the first argument names, or says which there are; `help NAME` explains one."""
    process.forgive_output()
    known, name = programs(), sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("--help", "-h", "help") and sys.argv[2:3]:
        name, sys.argv = sys.argv[2], [sys.argv[0], sys.argv[2], "--help"]
    if name in known:
        sys.argv = [str(known[name]), *sys.argv[2:]]
        runpy.run_path(str(known[name]), run_name="__main__")
    elif name in ("--help", "-h", "help"):
        print("flowconv PROGRAM --FLAG=VALUE ...; flowconv help PROGRAM explains one:\n")
        for name, path in known.items():
            summary = path.read_text(encoding="utf-8").splitlines()[0].strip('"')
            print(help_page.entry(name, summary, column=20))
    elif name == "--version":
        print(f"flowconv {__version__}")
    else:
        hint = nearest(name, known) or f"; there are {', '.join(known)}"
        print(f"error: flowconv {name}: there is no such program{hint}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
