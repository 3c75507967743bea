"""The training loop, its files, and everything of Horovod."""
