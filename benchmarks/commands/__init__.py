"""Commands that need the repository, as those of `flowconv.cli.commands`."""
