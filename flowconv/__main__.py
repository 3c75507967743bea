"""The console command: `flowconv train --config=cifar10` is train.py, `flowconv sample` scripts/sample.py."""

import sys

from flowconv import __version__, process
from flowconv.cli import completion, help_page, registry
from flowconv.words import nearest, printable

HELP = ("--help", "-h", completion.HELP)


def main() -> None:
    """Runs the command that the first argument names, or says which there are; `help NAME` explains one."""
    process.forgive_output()
    known, name, arguments = registry.modules(), *(sys.argv[1:2] or ["--help"]), sys.argv[2:]
    if name in HELP and arguments:
        name, arguments = arguments[0], ["--help"]
    if name in known:
        sys.argv = [f"{help_page.CALLED}{name}", *arguments]
        registry.load(known[name])()
    elif name in HELP:
        print("flowconv PROGRAM --FLAG=VALUE ...; flowconv help PROGRAM explains one:\n")
        for name, module in known.items():
            print(help_page.entry(name, registry.summary(module), column=20))
        shells = " or ".join(completion.SHELLS)
        print(f"\nflowconv {completion.VERSION}; flowconv {completion.COMPLETION} SHELL, {shells}")
    elif name == completion.VERSION:
        print(f"flowconv {__version__}")
    elif name == completion.COMPLETION and len(arguments) == 1 and arguments[0] in completion.SHELLS:
        print(completion.script(arguments[0]), end="")
    else:
        print(f"error: flowconv {printable(name)}: {_refusal(name, known)}", file=sys.stderr)
        sys.exit(2)


def _refusal(name, known):
    if name == completion.COMPLETION:
        return f"name a shell: {' or '.join(completion.SHELLS)}"
    if name in registry.OF_THE_REPOSITORY:
        return f"needs the repository: in a checkout of it, python scripts/{name}.py"
    hint = nearest(name, known) or f"; there are {', '.join(known)}"
    return f"there is no such program{hint}"


if __name__ == "__main__":
    main()
