"""Every flag of every program, with every kind of value that its help speaks of.

Each wave gives all flags of a program at once, each the next of its values; FULL=1 gives each value alone, too.
"""

import contextlib
import itertools

import numpy as np
import pytest
from PIL import Image

from benchmarks.sizes import SIZES
from benchmarks.suites import SUITES
from flowconv.config import SETTINGS
from tests.programs import Ended, flags_of, run_here
from tests.runs import FULL, ROOT, TINY, in_full

SEEDS = (0, 2**31 - 1)
ONE, FOLDER, BOTH = "IMAGES/a.png", "IMAGES", "IMAGES/a.png,IMAGES/more"
OUT = ("OUT",)  # a folder that isn't there
# By program; where some flags exclude others, one set each.
RUNS = {
    "sample": [
        {
            "count": (1, 5),
            "temperatures": ("0", "0.5,1e0"),
            "seed": SEEDS,
            "segments": (1,),  # others of autoregressive runs, in tests/models/test_autoregressive.py
            "files": (True, False),
            "output": OUT,
        }
    ],
    "evaluate": [
        {
            "precision": SETTINGS["model.precision"].names,
            "batch_size": (500, 1000),
            "samples": (1, 2),
            "compared": (20, 0),
            "data_dir": ("IMAGES",),  # photos come with the package, and need none
            "output": OUT,
        }
    ],
    "reconstruct": [
        {"images": (ONE, FOLDER, BOTH), "count": (1, 2), "magnify": (1, "1e6"), "output": OUT},
        {"data_dir": ("IMAGES",), "output": OUT},
    ],
    "interpolate": [
        {"images": (FOLDER, BOTH), "steps": (2, 3), "output": OUT},
        {"data_dir": ("IMAGES",), "output": OUT},
    ],
    "manipulate": [
        {
            "positive": (ONE, FOLDER, BOTH),
            "negative": (BOTH, ONE, FOLDER),
            "images": (FOLDER, BOTH, ONE),
            "count": (1, 2),
            "strengths": ("0", "-1,0.5"),
            "output": OUT,
        },
        {"labels": ("IMAGES/labels.csv",), "data_dir": ("IMAGES",), "output": OUT},
    ],
    "score": [
        {"images": (ONE, FOLDER, BOTH), "shown": (1, 2), "seed": SEEDS, "data_dir": ("IMAGES",), "output": OUT},
        {"check": (3,)},
    ],
    "export": [
        {"format": ("savedmodel",), "precision": ("float32",), "output": OUT},  # as in tests/inference
        {"format": ("weights",), "precision": ("float32", "float16"), "output": OUT},
    ],
    "report": [{"output": ("OUT.html",)}],
    "fold": [{"output": OUT, "data_dir": ("IMAGES",)}],
}
CONFIGS = {
    "doctor": [{"workdir": OUT}],
    "train": [{"workdir": OUT, "profile": (2, 0)}],
    "compare": [
        {
            "variants": ("conv1x1", "nice,shift:parameterization=qr"),
            "seeds": (1, 2),
            "rounds": (1,),
            "seconds": (1,),
            "layers": (False, True),
            "output": OUT,
        },
        {
            "sweep": ("IMAGES/sweep.txt",),
            "learning_rates": ("0.5,1",),
            "seeds": (1,),
            "rounds": (1,),
            "layers": (False,),
            "output": OUT,
        },
    ],
    "export_step": [
        {
            "output": OUT,
            "batch_size": (2, 3),
            "programs": ("init,train,encode,sample", "init,sample"),
            "seeds": (1, 2),
            "data": (False, True),
        }
    ],
}
ELSEWHERE = {
    # Of conditional runs, in tests/conditions, and of autoregressive ones, in tests/models/test_autoregressive.py.
    "sample": ("class", "images", "data_dir", "guidance", "attention_temperature", "denoise"),
    "evaluate": ("classify",),  # in tests/conditions
    **{name: ("class",) for name in ("interpolate", "manipulate", "reconstruct", "score")},  # the same
    "compare_exported": ("results", "rates", "seconds", "output"),  # in tests/experiments/comparison
    # What each takes is parsed below, and run in tests/benchmarks.
    "benchmark": (
        "parts",
        "sizes",
        "rounds",
        "peers",
        "peers_environment",
        "bfloat16",
        "depths",
        "sweep",
        "workdir",
        "output",
    ),
}
ALL = RUNS | CONFIGS
SAVEDMODEL = {name: values[0] for name, values in RUNS["export"][0].items()}


@pytest.mark.parametrize("path", [ROOT / "train.py", *sorted((ROOT / "scripts").glob("*.py"))], ids=lambda p: p.stem)
def test_no_flag_is_forgotten_here(path):
    if path.stem == "run_exported_step":
        pytest.skip("needs JAX, and has flags of its own kind")
    named = set(ELSEWHERE.get(path.stem, ())).union(*ALL.get(path.stem, ()))
    flags = set(flags_of(path.relative_to(ROOT)))
    assert flags - {"model"} == named | ({"workdir"} if path.stem in RUNS else set())
    assert ("model" in flags) == (path.stem in set(RUNS) - {"fold"})  # tested in tests/workdir


def given(flags):
    """Flags as arguments."""
    return [f"--{name}={value}" for name, value in flags.items()]


def waves(values, count=None):
    """All flags at once, each with its first value, then each with the next one; with FULL each value alone, too."""
    longest = max(map(len, values.values()))
    together = [{name: each[number % len(each)] for name, each in values.items()} for number in range(longest)]
    if not FULL:
        return together
    first = {name: each[0] for name, each in values.items()}
    return together + [first | {name: value} for name, each in values.items() for value in each[1:]]


def cases(programs):
    return [
        pytest.param(name, flags, id=f"{name}-{number}", marks=in_full if flags == SAVEDMODEL else ())
        for name, sets in programs.items()
        for number, flags in enumerate(itertools.chain(*map(waves, sets)))
    ]


@pytest.fixture
def places(tmp_path):
    """A function that puts real paths in the place of IMAGES and OUT."""
    (tmp_path / "images/more").mkdir(parents=True)
    for name in ("a", "b", "more/c"):
        pixels = np.random.default_rng(len(name)).integers(0, 256, (30, 20, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{name}.png")
    (tmp_path / "images/sweep.txt").write_text("conv1x1 # the first\nshift:parameterization=qr\n")
    (tmp_path / "images/labels.csv").write_text("a.png,1\nb.png,0\n")

    def replace(value):
        text = str(value).replace("IMAGES", str(tmp_path / "images"))
        return text.replace("OUT", str(tmp_path / "out"))

    return replace


@pytest.mark.parametrize(("name", "flags"), cases(RUNS))
def test_of_a_program_that_takes_a_run(name, flags, finished_run, places, tmp_path, capsys):
    arguments = given({flag: places(value) for flag, value in flags.items()})
    run_here(f"scripts/{name}.py", f"--workdir={finished_run[0]}", *arguments)
    assert capsys.readouterr().out
    if "output" in flags:
        assert list(tmp_path.glob("out*"))


@pytest.mark.parametrize(("name", "flags"), cases({"doctor": CONFIGS["doctor"]} if not FULL else CONFIGS))
def test_of_a_program_that_takes_a_config(name, flags, places, tmp_path):
    arguments = given({flag: places(value) for flag, value in flags.items()})
    script = "train.py" if name == "train" else f"scripts/{name}.py"
    run_here(script, *arguments, *given({f"config.{field}": value for field, value in TINY.items()}))


NEEDED = {name: {"model.network": "made"} for name in ("iaf", "maf", "tarflow")}  # by a choice, of other fields
NEEDED["residual"] = {"model.network": "lipschitz_convolution"}
NEEDED["gaussian"] = {"model.preprocessing": "centre"}
CHOSEN = [(setting, choice) for setting in SETTINGS.values() for choice in setting.names]


@pytest.mark.parametrize(("setting", "choice"), CHOSEN, ids=lambda value: getattr(value, "name", value))
def test_every_choice_of_every_field_is_explained_and_taken(setting, choice, tmp_path):
    """Trained with are all of them, in combinations, by tests/test_any_config.py."""
    assert choice in setting.explanation
    values = TINY | {"model.depth": 4, setting.name: choice} | NEEDED.get(choice, {})
    fields = {f"config.{name}": value for name, value in values.items()}
    # The photographs have no labels.
    with pytest.raises(Ended, match="has no labels") if choice == "class" else contextlib.nullcontext():
        run_here("scripts/doctor.py", f"--workdir={tmp_path}/run", *given(fields))


NUMBERS = [setting for setting in SETTINGS.values() if setting.kind in (int, float)]
EDGES = [(each.name, edge) for each in NUMBERS for edge in (each.at_least, each.at_most) if edge is not None]


@pytest.mark.parametrize(("field", "edge"), EDGES)
def test_both_ends_of_every_range_are_parsed(field, edge):
    """Others may refuse it for what stands in another field."""
    with pytest.raises(Ended, match=r"^error: --nothing=1: there is no such flag"):
        run_here("train.py", f"--config.{field}={edge}", "--nothing=1")


WRONG = {
    "sample": {
        "count": ("0", "1.5", "x", "", 2**63, "9" * 400),
        "temperatures": ("-1", "", "x", "nan"),
        "seed": ("-1", 2**31, "1e20"),
        "segments": ("0", "2"),
    },
    "evaluate": {"precision": ("fp16", "", "Float32"), "batch_size": ("0", "x"), "samples": ("0", "inf")},
    "reconstruct": {"count": ("0",), "magnify": ("0", "inf", "x"), "output": ("", "s3://x")},
    "interpolate": {"steps": ("1", "x")},
    "manipulate": {"count": ("0",), "strengths": ("", "inf", "1,,2"), "labels": ("",)},
    "score": {"check": ("-1", "x"), "shown": ("0",), "seed": ("-1", 2**31), "images": ("",)},
    "compare": {"variants": ("", "a,,b"), "seeds": ("0",), "rounds": ("0",), "layers": ("x",)},
    "export_step": {"batch_size": ("0",), "programs": ("", "init,x"), "seeds": ("0",), "data": ("x",)},
    "compare_exported": {"results": ("", "a,,b"), "seconds": ("-1", "nan")},
    "benchmark": {
        "parts": ("", "x"),
        "sizes": ("x",),
        "rounds": ("0",),
        "depths": ("", "0", "1.5"),
        "bfloat16": ("x",),
        "sweep": ("/nowhere/sweep.txt",),
    },
}
WRONG_FLAGS = [(name, flag, str(value)) for name, each in WRONG.items() for flag, bad in each.items() for value in bad]


@pytest.mark.parametrize(("name", "flag", "value"), WRONG_FLAGS)
def test_a_wrong_value_is_refused_by_its_flag(name, flag, value, tmp_path, finished_run):
    workdir = [f"--workdir={finished_run[0]}"] if name in RUNS else []
    with pytest.raises(Ended, match=rf"^error: --{flag}( is empty|=)") as ended:
        run_here(
            f"scripts/{name}.py",
            *workdir,
            f"--{flag}={value}",
            *([f"--output={tmp_path}/out"] if flag != "output" else []),
        )
    assert ended.value.status == 2 and "\n" not in str(ended.value)


def test_the_benchmark_takes_all_its_words():
    for flag, words in {"parts": SUITES, "sizes": SIZES, "bfloat16": ("auto", "on", "off")}.items():
        for word in words:
            with pytest.raises(Ended, match=r"--nothing"):
                run_here("scripts/benchmark.py", f"--{flag}={word}", "--peers", "--depths=1,8", "--nothing=1")
