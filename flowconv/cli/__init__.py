"""The command line: one command a file of commands/, and what they share. Nothing here imports TensorFlow at first."""
