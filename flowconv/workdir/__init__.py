"""The folder of one run: config, lock, checkpoints' files, and the record of its images."""

from flowconv.workdir.workdir import Workdir

__all__ = ["Workdir"]
