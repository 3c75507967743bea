"""What a user sees of train.py before anything is built."""

import os
import re
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from benchmarks.sizes import SIZES
from benchmarks.suites import SUITES
from flowconv import launchers
from flowconv.cli import config_flags, flags, registry, shared_flags
from flowconv.cli.command import Command
from flowconv.config import config_file, default_config, flatten, validate
from flowconv.errors import UserError
from tests.programs import Ended, refusal, run_here
from tests.runs import FULL, ROOT, Running, in_full, launch


def run(*arguments, cwd=ROOT, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | environment,
        timeout=120,
    )


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_help_reads_well(columns):
    result = run("--help", COLUMNS=str(columns))
    assert result.returncode == 0 and not result.stderr
    for part in ("horovodrun -np 4 python train.py", "--workdir=", "--config=", "model.depth=8 "):
        assert part in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= min(columns, 100)


def test_help_shows_the_values_of_the_config_that_was_named(tmp_path):
    values = dict(flatten(config_file.load(config_file.find("celebahq256"))))
    for arguments in (["--config=celebahq256"], ["--config", "configs/celebahq256.py"]):
        shown = run("--help", *arguments).stdout.split("Fields of --config")[1]
        assert all(f"  {name}={value}" in shown for name, value in values.items())


def test_programs_are_executable():
    for path in (*(ROOT / "scripts").glob("*.py"), ROOT / "train.py"):
        assert os.access(path, os.X_OK) and path.read_text().startswith("#!/usr/bin/env python\n"), path


@pytest.mark.parametrize("path", [*sorted((ROOT / "scripts").glob("*.py")), ROOT / "train.py"], ids=lambda p: p.stem)
def test_every_program_has_help_at_any_width(path):
    """In a new process each, without JAX or TensorFlow."""
    environment = {"COLUMNS": "80", "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.modules.update(jax=None, tensorflow=None); sys.argv = [{str(path)!r}, '--help']; "
        f"import runpy; runpy.run_path({str(path)!r}, run_name='__main__')",
    ]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, timeout=120)
    assert result.returncode == 0 and not result.stderr, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_benchmark_explains_its_parts_and_sizes():
    text = registry.load(registry.modules()["benchmark"]).description
    assert all(re.search(rf"\b{name}\b", text) for name in (*SUITES, *SIZES))


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("--config.model.detph=8", "--config.model.detph=8: there is no such field (did you mean model.depth?)"),
        ("--config.modle.depth=8", "--config.modle.depth=8: there is no such field (did you mean model.depth?)"),
        ("--config.model.depth=many", "--config.model.depth=many: must be a whole number"),
        ("--config.optimizer.learning_rate=fast", "--config.optimizer.learning_rate=fast: must be a number"),
        ("--config.data.flip=perhaps", "--config.data.flip=perhaps: must be true or false"),
        ("--config.model.depth=0", "--config.model.depth=0: must be at least 1"),
        ("--config.data.n_bits=9", "--config.data.n_bits=9: must be from 1 to 8"),
        ("--config.train.batch_size=0", "--config.train.batch_size=0: must be at least 1"),
        (
            "--config.model.convolution=shfit",
            "must be one of conv1x1, emerging, exponential, four_corner, grouped_shift, inverse_emerging, macow, "
            "periodic, reverse, rolled_shift, shift, shuffle, woodbury (did you mean shift?)",
        ),
        ("--config.data.image_size=36", "must be divisible by 2^model.levels = 8"),
        (
            "--config=configs/cifar.py",
            "--config=configs/cifar.py: there is no such file (did you mean configs/cifar10.py?)",
        ),
        ("--config.data.name=cifar11", "cifar10"),
        ("--config.data.name=folder", "--config.data.dir"),
        ("--config.depth=8", "there is no such field (did you mean model.depth?)"),
        ("--workdri=x", "--workdri=x: there is no such flag (did you mean --workdir?)"),
        ("--model.depth=8", "--model.depth=8: there is no such flag (did you mean --config.model.depth?)"),
        ("--Model.Depth=8", "(did you mean --config.model.depth?)"),
        ("--depht=8", "(did you mean --config.model.depth?)"),
        ("--batch_size=8", "(did you mean --config.train.batch_size or --config.evaluation.batch_size?)"),
        ("--lr=8", "--lr=8: there is no such flag; there are --config, --workdir"),
        ("--config.model.convolution=SHIFT", "(did you mean shift?)"),
        ("--config.model.depth=1.5", "--config.model.depth=1.5: must be a whole number"),
        ("--config.model.depth=nan", "--config.model.depth=nan: must be a whole number"),
        ("--config.model.depth=0e3", "--config.model.depth=0: must be at least 1"),  # 0e3 is a whole number
        ("--config=CIFAR10", "--config=CIFAR10: there is no such file (did you mean cifar10?)"),
        (
            "--config=mine",
            "there is no such file; there are celebahq256, cifar10, flowpp_cifar10, ",
        ),
        ("--config=cifar10:depth=8", "takes nothing after a colon, say --config.FIELD=VALUE"),
        ("--config=", "--config is empty"),
        ("--flagfile=none.txt", "--flagfile can't be read: [Errno 2] No such file or directory: 'none.txt'"),
        ("--workdir=", "--workdir is empty"),
        ("depth=8", "depth=8: flags start with --"),
        ("--workdir=/proc/flowconv", "--workdir=/proc/flowconv: can't be written"),
        (f"--workdir={__file__}/run", "can't be written"),
    ],
)
def test_refuses_in_one_line_with_status_2(argument, expected, capsys):
    """A wrong field, flag and path in a process of their own, the others in this one."""
    if FULL or argument in ("--config.model.detph=8", "--workdri=x", "--workdir=/proc/flowconv"):
        result = run(argument, "--config.train.images=16")
        status, said, printed = result.returncode, result.stderr, result.stdout
    else:
        line = refusal("train.py", argument, "--config.train.images=16")
        printed, others = capsys.readouterr()
        status, said = 2, others + line
    assert status == 2
    lines = said.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), said
    assert expected in lines[0]
    assert not printed


@pytest.mark.parametrize("told_to_end", [True, False])
def test_a_rank_speaks_only_if_the_first_did_not_end_it(told_to_end):
    with Running(sys.executable, "train.py", "--config.model.depth=0", HOROVOD_RANK="1") as rank:
        time.sleep(3.0 if told_to_end else 0.0)  # it has found its mistake by then, and waits
        if told_to_end:
            rank.send(signal.SIGTERM)
        assert rank.wait(30) == 2
    assert rank.output.count("error: ") == (0 if told_to_end else 1)


@pytest.mark.parametrize(
    "command",
    [
        ["train.py", "--config.train.images=0"],
        pytest.param(["train.py", "--workdri=x"], marks=in_full),
        pytest.param(["scripts/evaluate.py", "--workdir=/nowhere"], marks=in_full),
    ],
    ids=lambda command: command[1],
)
def test_under_horovodrun_the_line_arrives(command):
    result = launch(*command, ranks=2)
    assert result.returncode == 1  # horovodrun's own
    assert "[0]<stderr>:error: " in result.stderr and "[1]<stderr>:error: " not in result.stderr, result.stderr


@pytest.mark.parametrize("arguments", [["--config=configs/cifar10.py"], ["--config", "cifar10"], ["--flagfile=FILE"]])
@pytest.mark.parametrize("first", [True, False])
def test_a_config_may_be_named_anywhere_and_in_any_form(arguments, first, tmp_path):
    (tmp_path / "flags.txt").write_text("--config=cifar10\n")
    arguments = [argument.replace("FILE", str(tmp_path / "flags.txt")) for argument in arguments]
    changes = ["--config.train.images", "1e6", "--noconfig.data.flip", "--config.evaluation.temperatures=(0.5,)"]
    config = parsed(*(arguments + changes if first else changes + arguments))
    expected = config_file.load(config_file.find("cifar10"))
    expected.train.images, expected.data.flip, expected.evaluation.temperatures = 1_000_000, False, (0.5,)
    assert config == expected and type(config.train.images) is int


def test_of_two_configs_none_is_taken():
    assert parsed("--config=cifar10", "--config=cifar10").data.name == "cifar10"
    with pytest.raises(UserError, match="--config=photos: is the second one, after --config=cifar10; give one"):
        parsed("--config=cifar10", "--config=photos")


def parsed(*arguments):
    """The config of these arguments, in this process."""
    return config_flags.config_of(Command(None, "A program.", takes_config=True).parse(arguments))


BROKEN = {
    "x = (1e6,\n": "SyntaxError: '(' was never closed",
    "import nothing_of_this_name": "ModuleNotFoundError: No module named 'nothing_of_this_name'",
    "raise ValueError('first\\nsecond')": ", line 1: ValueError: first\nsecond",
    "def get_config():\n    return 1 / 0": ", line 2: ZeroDivisionError: division by zero",
    "def get_config():\n    raise SystemExit(3)": "SystemExit: 3",
    "get_config = 3": "TypeError",
    "": " has no get_config()",
    "def get_config():\n    return {}": "its get_config() must return a ConfigDict",
}


@pytest.mark.parametrize("content", BROKEN)
def test_a_config_file_that_fails_is_told_with_its_reason_alone(content, tmp_path):
    (tmp_path / "bad.py").write_text(content)
    with pytest.raises(UserError, match=f"^--config can't be read: {tmp_path}/bad.py") as refused:
        parsed(f"--config={tmp_path}/bad.py")
    assert BROKEN[content] in str(refused.value)
    assert "Traceback" not in str(refused.value) and len(str(refused.value)) < 250


def test_a_config_file_may_have_any_name_take_an_argument_and_return_a_frozen_config(tmp_path):
    body = "from flowconv.config import default_config\nfrom ml_collections import FrozenConfigDict\n"
    body += "def get_config(width='8'):\n    config = default_config()\n    config.model.width = int(width)\n"
    (tmp_path / "a:b [c].py").write_text(body + "    return FrozenConfigDict(config)\n")
    (tmp_path / "plain.py").write_text(body + "    return config.lock()\n")
    assert parsed(f"--config={tmp_path}/a:b [c].py", "--config.model.depth=3").model.depth == 3
    assert parsed(f"--config={tmp_path}/plain.py:16", "--config.model.depth=3").model.width == 16


WRONG_KINDS = {"seed": "3", "model.depth": True, "train.log_seconds": "1", "data.flip": "no", "data.dir": 3}
WRONG_KINDS |= {"model.width": 8.0, "model.name": None, "evaluation.temperatures": 0.5, "train.ema_decay": [0.5]}


@pytest.mark.parametrize("name", WRONG_KINDS)
def test_a_field_of_another_kind_is_refused(name):
    """As a file may set it under ignore_type()."""
    config = default_config()
    with config.ignore_type():
        config.update_from_flattened_dict({name: WRONG_KINDS[name]})
    with pytest.raises(UserError, match=rf"^--config.{name}={re.escape(repr(WRONG_KINDS[name]))}: must be "):
        validate(config)


def test_a_program_that_takes_a_run_names_its_own_flags():
    given, shown = (
        "--config.data.dir=x is no folder, --config.model.depth=0",
        "--data_dir=x is no folder, the run's model.depth=0",
    )
    assert Command(None, "A program.", [shared_flags.DATA_DIR]).in_own_flags(given) == shown


def test_a_flag_without_effect_is_refused_unless_it_has_its_default():
    own = [flags.whole("shown", 25, "images"), shared_flags.DATA_DIR]
    given = Command(None, "A program.", own).parse(["--shown=25", "--data_dir=x"])
    given = types.SimpleNamespace(**{flag.name: given[flag.name] for flag in own})
    flags.refuse_unused(given, own, ["shown"], "is not used")
    with pytest.raises(UserError, match=r"^--data_dir=x: is not used$"):
        flags.refuse_unused(given, own, ["shown", "data_dir"], "is not used")


@pytest.mark.parametrize(
    ("given", "name"),
    [(None, "photos"), (["cifar10"], "cifar10"), (["configs/cifar10.py"], "cifar10"), (["a/b.py:3"], "b")],
)
def test_each_config_has_a_workdir_of_its_own(given, name):
    assert config_file.default_workdir(given) == Path("runs", name)


PROGRAMS = {ROOT / "train.py", *(ROOT / "scripts").glob("*.py")}
PROGRAMS -= {ROOT / "scripts" / "run_exported_step.py"}  # which needs jax and numpy alone, elsewhere


@pytest.mark.parametrize("program", sorted(PROGRAMS), ids=lambda path: path.stem)
def test_outside_of_the_environment_a_line_says_how_to_come_in(program):
    """As where .venv has not been activated: without any package."""
    result = subprocess.run([sys.executable, "-I", "-S", program], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: No module named ") and line.endswith(
        ": make install, then source .venv/bin/activate"
    )


def test_the_elastic_job_of_the_docs_finds_its_hosts(tmp_path):
    text = (ROOT / "docs/how_to/clusters.md").read_text()
    (script,) = set(re.findall(r"--host-discovery-script (\S+)", text))
    for hosts in ("localhost:2\n", "gpu1:4\ngpu2:4\n"):
        result = subprocess.run([ROOT / script], capture_output=True, text=True, cwd=tmp_path, check=True)
        assert result.stdout == hosts
        (tmp_path / "hosts.txt").write_text("gpu1:4\ngpu2:4\n")
    result = subprocess.run([ROOT / script], capture_output=True, text=True, env={"HOSTS": f"{tmp_path}/hosts.txt"})
    assert result.stdout == hosts


RANKS = ("train", "compare", "doctor", "evaluate")  # of which several share the work
ALONE = sorted(name for name, module in registry.modules().items() if name not in (*RANKS, "run_exported_step"))


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("name", ALONE)
def test_a_program_of_one_process_refuses_several_on_every_rank(name, rank, monkeypatch):
    monkeypatch.setenv("HOROVOD_SIZE", "2")
    monkeypatch.setenv("HOROVOD_RANK", str(rank))
    with pytest.raises(Ended, match=f"^error: HOROVOD_SIZE=2: {name} takes one process: start it without") as ended:
        run_here(f"scripts/{name}.py")
    assert ended.value.status == 2


def test_programs_whose_ranks_share_the_work_are_these():
    loaded = {name: registry.load(module) for name, module in registry.modules().items()}
    assert {name for name, main in loaded.items() if getattr(main, "takes_ranks", False)} == set(RANKS)


@pytest.mark.parametrize(
    ("variables", "several"),
    [
        ({}, None),
        ({"HOROVOD_SIZE": "2"}, ("HOROVOD_SIZE", 2)),
        ({"OMPI_COMM_WORLD_SIZE": "3"}, ("OMPI_COMM_WORLD_SIZE", 3)),
        ({"OMPI_COMM_WORLD_SIZE": "3", "HOROVOD_SIZE": "1"}, None),
        ({"SLURM_STEP_NUM_TASKS": "4", "SLURM_NTASKS": "4", "SLURM_PROCID": "1"}, ("SLURM_STEP_NUM_TASKS", 4)),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, None),  # the script of a job
    ],
    ids=str,
)
def test_one_of_several_is_known_by_what_its_launcher_left(variables, several, monkeypatch):
    for name in ("HOROVOD_SIZE", *launchers.LAUNCHERS):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert launchers.several() == several
