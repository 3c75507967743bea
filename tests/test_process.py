"""What is said before TensorFlow is imported."""

import os
import signal
import subprocess
import sys

import pytest

from flowconv import process
from flowconv.process import KERNELS
from tests.runs import FULL, ROOT, SMALL, Running, command_of, environment, in_full, launch, overrides


@pytest.mark.parametrize(
    ("precision", "given", "chosen"),
    [
        ("float32", None, "0"),
        ("float64", None, "0"),
        ("bfloat16", None, None),
        ("float32", "1", "1"),
        ("bfloat16", "0", "0"),
    ],
)
def test_kernels_follow_the_precision_unless_the_user_chose(monkeypatch, precision, given, chosen):
    environment = {} if given is None else {KERNELS: given}
    monkeypatch.setattr("os.environ", environment)
    process.choose_kernels(precision)
    assert environment.get(KERNELS) == chosen


@in_full
def test_a_batch_in_one_part_trains_with_onednn(tmp_path):
    """TensorFlow took a kernel's padding for that of images, and aborted."""
    fields = SMALL | {"model.precision": "bfloat16", "train.batch_size": 1, "train.images": 8}
    run = launch("train.py", f"--workdir={tmp_path}", *overrides(**fields), **{KERNELS: "1"})
    assert run.returncode == 0, run.stderr
    run = launch("scripts/evaluate.py", f"--workdir={tmp_path}", **{KERNELS: "1"})
    assert run.returncode == 0, run.stderr


ENDS = {
    "well": "pass",
    "by itself": "process.leave(3)",
    "with a traceback": "1 / 0",
}


def run_in(folder, code):
    """What a process says whose temporary folders lie in `folder`."""
    begin = "import os, tempfile; from flowconv import process; process.keep_temporary_files_together(); "
    code = f"{begin}tempfile.mkstemp(); tempfile.mkdtemp(); print(tempfile.gettempdir(), flush=True); {code}"
    variables = os.environ | {"TMPDIR": str(folder)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=variables)
    return result.stdout.strip()


@pytest.mark.parametrize("end", ENDS)
def test_temporary_files_go_with_the_process(tmp_path, end):
    assert run_in(tmp_path, ENDS[end]).startswith(f"{tmp_path}/{process.TEMPORARY}")
    assert not list(tmp_path.iterdir())


def test_those_of_a_killed_process_go_with_the_next_one_and_no_others(tmp_path):
    (tmp_path / ".flowconv").mkdir()
    killed = run_in(tmp_path, "os.kill(os.getpid(), 9)")
    assert os.listdir(killed)
    with subprocess.Popen(  # another, which lives
        [
            sys.executable,
            "-c",
            "from flowconv import process as p; p.keep_temporary_files_together(); print(); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        cwd=ROOT,
    ) as living:
        living.stdout.readline()
        (own,) = (path for path in tmp_path.glob(f"{process.TEMPORARY}*") if str(path) != killed)
        run_in(tmp_path, "pass")
        assert sorted(tmp_path.iterdir()) == sorted([own, tmp_path / ".flowconv"])
        living.communicate(b"\n")
    assert [path.name for path in tmp_path.iterdir()] == [".flowconv"]


def test_without_a_temporary_folder_of_its_own_it_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    process.keep_temporary_files_together()


@pytest.mark.parametrize("images", [16_000_000, 16] if FULL else [16_000_000])
def test_a_run_leaves_nothing_in_the_temporary_folder(tmp_path, images):
    """Finished, or stopped by a signal, at whose end `os._exit` keeps Python's own tidying from happening."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    fields = overrides(**SMALL | {"train.images": images, "train.log_seconds": 0.1})
    with Running(*command_of("train.py", f"--workdir={tmp_path}/run", *fields), TMPDIR=str(temporary)) as run:
        if images > 16:
            assert run.wait_for("bits/dim")
            run.send(signal.SIGTERM)
        assert run.wait() == (0 if images == 16 else 143), run.output
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("number", ["0", "-1", "two", "", "2 3", "00"])
def test_make_train_refuses_no_number_of_processes(number):
    """With which horovodrun ended well, having done nothing."""
    result = subprocess.run(
        ["make", "--no-print-directory", "train", f"NP={number}"], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert result.returncode == 2 and not result.stdout
    assert result.stderr.splitlines()[0] == f"error: NP={number}: must be a whole number of at least 1"


@pytest.mark.parametrize("floatx", ["float16", "float64", "bfloat16", "nonsense"] if FULL else ["nonsense"])
def test_the_users_own_keras_settings_do_not_matter(tmp_path, floatx):
    (tmp_path / "keras.json").write_text(
        f'{{"floatx": "{floatx}", "backend": "jax", "image_data_format": "channels_first"}}'
    )
    code = (
        "from flowconv import process; process.prepare()\n"
        "from flowconv import distributed; distributed.initialize()\n"
        "import keras; from flowconv.config import default_config\n"
        "from flowconv.training.optimizer import build_optimizer\n"
        "optimizer = build_optimizer(default_config().optimizer, ema_decay=0.999)\n"
        "print(keras.backend.backend(), optimizer.learning_rate.dtype, keras.config.image_data_format())"
    )
    variables = environment(KERAS_HOME=str(tmp_path))
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=variables)
    assert result.stdout.split() == ["tensorflow", "float32", "channels_last"], result.stderr
