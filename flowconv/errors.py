"""How a program ends other than well, or goes on with a warning."""

import sys

from flowconv.words import printable


class UserError(Exception):
    """A mistake in what the program was given: a flag, a file, a folder, the machine.

    Its text is one line that names the flag or the path, the value found there and what would be right.
    Programs print that line and end with exit status 2 (`flowconv.cli.command`).
    """


class Diverged(UserError):
    """A run whose loss or weights stopped being finite, and that has nothing left to go back to."""


class Interrupted(BaseException):
    """The program was asked to stop by a signal; its text tells how to go on.

    Programs print that line and end with exit status 128 + `signal`, as a shell has it: 143 after SIGTERM, 130 after
    SIGINT. It is no Exception, as KeyboardInterrupt is none: what catches all mistakes of a library must not catch it.
    """

    def __init__(self, message: str, signal: int):
        super().__init__(message)
        self.signal = signal


class WorkersLost(Exception):
    """Another worker of the job has ended, so that nothing can be exchanged any more.

    Programs print the line and end with exit status 1.
    """


def explained(error: ModuleNotFoundError) -> Exception:
    """Returns the error to raise where a package can't be found: a line on what to do if it is TensorFlow."""
    if error.name != "tensorflow":
        return error
    return UserError("TensorFlow is missing, which one chooses: pip install 'flowconv[cpu]' or 'flowconv[gpu]'")


def warn(line: str) -> None:
    """Prints a line on stderr, as a warning."""
    print(printable(f"warning: {line}"), file=sys.stderr, flush=True)
