"""The folder of one run: config, lock, checkpoints' files, and the record of its images. Some come with the package."""

from flowconv.workdir.workdir import Workdir

__all__ = ["Workdir"]
