"""The end of a process that hangs."""

import signal
import subprocess
import sys
import time

from tests.runs import ROOT, Running


def test_a_stuck_process_shows_its_stack_and_ends():
    code = (
        "import time\n"
        "from flowconv.distributed import Watchdog\n"
        "dog = Watchdog(0.5)\n"
        "dog.feed(); time.sleep(0.2); dog.feed()\n"
        "def stuck(): time.sleep(60)\n"
        "stuck()\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert result.returncode != 0 and "in stuck" in result.stderr and "Timeout" in result.stderr


def test_time_in_which_the_process_was_stopped_does_not_count():
    code = (
        "import time\n"
        "from flowconv.distributed import Watchdog\n"
        "dog = Watchdog(2.0)\n"
        "dog.feed()\n"
        "print('fed', flush=True)\n"
        "for _ in range(10): time.sleep(0.1)\n"
        "print('done')\n"
    )
    with Running(sys.executable, "-c", code) as process:
        assert process.wait_for("fed")
        process.send(signal.SIGSTOP)
        time.sleep(3.0)
        process.send(signal.SIGCONT)
        assert process.wait(30) == 0 and "done" in process.output, process.output
