"""The commands of the wheel: each file has a `main` without arguments, which parses sys.argv and ends the process."""
