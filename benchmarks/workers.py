"""The other side of `worker_protocol`: starts a worker and asks it."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO, cast

from benchmarks.sizes import Size

PATIENCE_SECONDS = 900.0  # until a worker is ready; a graph of all steps of a deep flow takes minutes
ROOT = Path(__file__).resolve().parent.parent


def answer_of(module: str, *arguments: str) -> Any:
    """Returns the JSON of the last line that a module prints, run in a process of its own."""
    command = [sys.executable, "-m", module, *arguments]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8", cwd=ROOT).stdout
    return json.loads(printed.splitlines()[-1])


class WorkerError(Exception):
    """A worker ended; the text is the last line that it left on stderr."""


class Worker:
    """A process that runs one system; a context manager, which ends it.

    Args:
      module: what it runs, a module of benchmarks that calls `worker_protocol.serve`.
      size: of the model.
      python: the interpreter (default: this one).
      environment: more of its environment's variables.
      patience: seconds until it must be ready.
      settings: further settings, which can be written as JSON.

    Attributes:
      facts: its ready line.
    """

    def __init__(
        self,
        module: str,
        size: Size,
        python: str = sys.executable,
        environment: Mapping[str, str] = MappingProxyType({}),
        patience: float = PATIENCE_SECONDS,
        **settings,
    ):
        self._stderr = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115, closed with the worker
        settings["size"] = dataclasses.asdict(size)
        self._process = subprocess.Popen(
            [python, "-m", module, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            encoding="utf-8",
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )
        self._questions, self._answers = cast(TextIO, self._process.stdin), cast(TextIO, self._process.stdout)
        self._patience = patience
        timer = threading.Timer(patience, self._process.kill)
        timer.start()
        try:
            self.facts = self._read()
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()

    def ask(self, action: str) -> dict[str, float]:
        """Returns seconds, cpu_seconds and result of one action.

        Raises:
          WorkerError: if the worker ended over it.
        """
        self._questions.write(f"{action}\n")
        self._questions.flush()
        return self._read()

    def close(self) -> None:
        """Ends the process."""
        self._questions.close()
        try:
            self._process.wait(10 if hasattr(self, "facts") else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()
        self._stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _read(self) -> dict:
        line = self._answers.readline()
        if line:
            return json.loads(line)
        status = self._process.wait()
        if status == -signal.SIGKILL:
            raise WorkerError(f"killed: more than {self._patience:.0f} s to start, or more memory than there is")
        self._stderr.seek(0)
        lines = self._stderr.read().strip().splitlines()
        raise WorkerError(lines[-1] if lines else f"exit status {status}")
