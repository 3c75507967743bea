"""The one exception for what a user can put right."""


class UserError(Exception):
    """A mistake in what the program was given: a flag, a file, a folder, the machine.

    Its text is one line that names the flag or the path, the value found there and what would be right.
    Programs print that line and end with exit status 2 (`flowconv.command_line`).
    """
