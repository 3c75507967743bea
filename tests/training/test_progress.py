"""The progress of a run."""

import pytest

from flowconv.training.progress import Progress
from flowconv.words import duration


def test_progress_prints_compact_lines(capsys):
    progress = Progress(1000, 0, log_seconds=0.0)
    assert progress.due()
    progress.line(3, 250, 4.5678, 50.0)
    progress.line(4, 300, 4.5, 0.0)
    progress.close()
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[0].split()) == "step 3 images 250/1,000 4.568 bits/dim 50 images/s 0:15 left"
    assert len(lines) == 2 and "left" not in lines[1]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (61.4, "1:01"), (3599.6, "1:00:00"), (36610, "10:10:10")])
def test_duration(seconds, text):
    assert duration(seconds) == text
