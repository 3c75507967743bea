"""docs/reference/errors.md: each row of its table, provoked."""

import errno
import importlib.util
import io
import json
import os
import re
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import requests
import tensorflow as tf
from PIL import Image

import flowconv
from benchmarks import variants
from experiments.comparison import budget, exported, fold, trials
from experiments.comparison import compare as comparison
from flowconv import data, distributed, preflight
from flowconv.cli import shared_flags
from flowconv.cli.command import Command
from flowconv.cli.commands import export_step
from flowconv.config import architecture, changed, config_file, default_config, validate
from flowconv.config.parts import NETWORKS
from flowconv.distributed import one_process
from flowconv.errors import UserError
from flowconv.files import room_needed, write_json
from flowconv.inference import conditions, load, weights_export
from flowconv.inference.html_report import write_report
from flowconv.inference.saved_model import export
from flowconv.inference.score_table import ScoreTable
from flowconv.models import build_flow
from flowconv.training import run
from flowconv.training import train as training
from flowconv.training.checkpoints import Checkpoints
from flowconv.training.state import RunState
from flowconv.workdir import Workdir, pretrained
from tests.data.conftest import store_images
from tests.experiments.comparison.test_exported import line as training_line
from tests.programs import refusal
from tests.runs import ROOT, without_rights

PAGE = (ROOT / "docs/reference/errors.md").read_text()
ROWS = re.findall(r"^\| ([a-z0-9-]+) \| .*? \| `(.*)` \|$", PAGE, re.MULTILINE)
TRIGGERS = {}


def trigger(function):
    TRIGGERS[function.__name__.replace("_", "-")] = function
    return function


def config_of(**fields):
    config = default_config()
    config.update_from_flattened_dict({name.replace("__", "."): value for name, value in fields.items()})
    return config


def add(name, function):
    TRIGGERS[name] = function


def invalid(name, **fields):
    add(name, lambda here, monkeypatch: validate(config_of(**fields)))


def refused_by(program, *arguments):
    """Raises the error with which a program refuses these flags."""
    raise UserError(refusal(program, *arguments).removeprefix("error: "))


def bad_flag(name, *arguments, program="train.py"):
    add(name, lambda here, monkeypatch: refused_by(program, *arguments))


bad_flag("unknown-field", "--config.model.detph=8")
bad_flag("unknown-flag", "--workdri=x")
bad_flag("field-as-flag", "--batch_size=8")
bad_flag("bare-argument", "depth=8")
bad_flag("wrong-type", "--config.model.depth=many")
bad_flag("no-flagfile", "--flagfile=none.txt")
bad_flag("two-configs", "--config=photos", "--config=cifar10")
bad_flag("no-config-file", "--config=configs/cifar.py")
bad_flag("unknown-config", "--config=mine")
bad_flag("config-argument", "--config=cifar10:depth=8")
bad_flag("config-of-a-run", "--config=cifar10", program="scripts/evaluate.py")
bad_flag("wrong-value", "--count=0", program="scripts/sample.py")
bad_flag("wrong-word", "--precision=fp16", program="scripts/evaluate.py")
invalid("choice", model__convolution="shfit")
invalid("unused-setting", model__coupling="additive", model__scale_floor=0.1)
invalid("below-range", model__depth=0)
invalid("part-range", model__coupling="mixture", model__components=0)
invalid(
    "dequantizer-range",
    model__network="transformer",
    model__dequantization="variational",
    model__dequantizer_heads=0,
)
invalid("above-range", data__n_bits=9)
invalid("not-a-number", optimizer__learning_rate=float("nan"))
invalid("size-and-levels", data__image_size=36)
invalid("endless-noise", model__dequantization="gaussian")
TOKENS = {"data__image_size": 24, "model__condition": "low_resolution"}
invalid("small-images-patch", **TOKENS, model__name="tarflow", model__network="causal_transformer", model__patch_size=3)
invalid("small-images-squeeze", **TOKENS, model__name="jet", model__squeeze=6)
invalid("small-images", model__condition="low_resolution", model__levels=1, data__image_size=6)
add("sides", lambda here, monkeypatch: validate(changed(default_config(), {"data.image_size": (16,)})))
invalid("even-kernel", model__kernel_size=2)
invalid("wide-kernel", model__kernel_size=11, model__convolution="periodic")
invalid("convolution-rounds", model__convolution="grouped_shift", model__rounds=0)
invalid("convolution-rank", model__convolution="woodbury", model__rank=0)
invalid("unsafe-convolution", model__backward="invert", model__convolution="macow")
invalid("realnvp-depth", model__depth=6, model__name="realnvp")
invalid("heads", model__network="attention", model__width=10)
invalid("unsafe-inverse", model__backward="invert", model__coupling="mixture")
invalid("patches", data__name="cifar10", data__patches=True)
invalid("unknown-sink", train__sinks="tensorboard,mlfow")
invalid("temperatures", evaluation__temperatures=(-1.0,))


def refused(row, **fields):
    """As `invalid`, of settings of parts."""
    add(
        row, lambda here, monkeypatch: validate(changed(default_config(), {f"model.{n}": v for n, v in fields.items()}))
    )


refused("layers", name="flowpp", layers="4 stripe")
refused("layers-patch", name="flowpp", network="transformer", patch_size=16)
refused("odd-channels", name="flowpp", layers="2 channels")
refused("autoregressive-network", name="maf")
refused("order", name="maf", network="masked_convolution", order="spiral")
refused("masked-kernel", name="maf", network="masked_convolution", kernel_size=1)
refused("segments", name="maf", network="made", segments=2)
refused("no-order", segments=2)
refused("patches-of-tokens", name="tarflow", network="causal_transformer", patch_size=3)
refused("segments-of-patches", name="tarflow", network="causal_transformer", segments=3)
refused("slow-inverse", name="tarflow", network="causal_transformer", backward="invert")
refused("residual-network", name="residual")
refused("contraction", name="residual", network="lipschitz_convolution", contraction=1.0)
VARIATIONAL = {"dequantization": "variational"}
refused("dequantizer-heads", **VARIATIONAL, network="attention", dequantizer_width=10)
refused(
    "dequantizer-patch", dequantization="variational", network="transformer", patch_size=32, levels=1, name="realnvp"
)


refused("nice-depth", name="nice_original", depth=3)
refused("nice-patch", name="nice_original", network="transformer", patch_size=3)
refused("squeeze", name="jet", squeeze=0)
refused("squeeze-size", name="jet", squeeze=32)
refused("jet-patch", name="jet", network="transformer", patch_size=3)


@trigger
def nice_width(here, monkeypatch):
    validate(changed(default_config(), {"model.name": "nice_original", "data.image_size": (4, 5)}))


@trigger
def dequantizer_width(here, monkeypatch):
    fields = {"model.name": "maf", "model.network": "made", "model.dequantization": "variational"}
    validate(changed(default_config(), fields | {"data.image_size": (4, 5)}))


@trigger
def squeeze_channels(here, monkeypatch):
    validate(changed(default_config(), {"model.name": "jet", "model.squeeze": 1, "data.channels": 3}))


@trigger
def layers_size(here, monkeypatch):
    fields = {"model.name": "flowpp", "model.layers": "squeeze, squeeze, squeeze, 1 channels", "data.image_size": 40}
    validate(changed(default_config(), fields))


@trigger
def patch_size(here, monkeypatch):
    validate(changed(default_config(), {"model.network": "transformer", "model.patch_size": 8}))


def bad_part(row, choice, **sources):
    def run(here, monkeypatch):
        for name, source in sources.items():
            (here / f"{name}.py").write_text(source)
        monkeypatch.setattr(NETWORKS, "paths", (*NETWORKS.paths, here))
        validate(config_of(model__network=choice))

    add(row, run)


NETWORK = "class {}(Network):\n    def __init__(self, stages={}): pass\n"
bad_part("no-part", "foo", foo="stages = 3\n")
bad_part("broken-part", "bad", bad="class Bad(:\n")
bad_part("other-kind", "foo", bar=NETWORK.format("Bar", "1.0"), foo=NETWORK.format("Foo", "1"))


add("long-config", lambda here, monkeypatch: config_file.named(["a" * 300]))


def bad_config_file(name, returned):
    def run(here, monkeypatch):
        (here / "bad.py").write_text(f"import ml_collections\ndef get_config():\n    return {returned}\n")
        refused_by("train.py", f"--config={here}/bad.py")

    add(name, run)


bad_config_file("broken-config-file", "1 / 0")
bad_config_file("no-config", "3")
bad_config_file("foreign-config", "ml_collections.ConfigDict({'x': 1})")


@trigger
def no_text_flagfile(here, monkeypatch):
    (here / "flags").write_bytes(image("png"))
    Command(None, "A program.").parse([f"--flagfile={here}/flags"])


@trigger
def no_get_config(here, monkeypatch):
    (here / "bad.py").write_text("")
    config_file.load(here / "bad.py")


@trigger
def wrong_kind(here, monkeypatch):
    config = config_of()
    with config.ignore_type():
        config.model.depth = "8"
    validate(config)


@trigger
def lacking_field(here, monkeypatch):
    config = config_of()
    del config.model.depth
    validate(config)


def bad_data(row, action=data.check, prepare=None, **fields):
    def run(here, monkeypatch):
        config = config_of().data
        config.update(cache_dir=str(here / "cache"), dir=str(here / "data"), **fields)
        monkeypatch.setattr(requests, "get", lambda *_, **__: (_ for _ in ()).throw(requests.ConnectionError()))
        if prepare:
            prepare(here / "data")
        action(config)

    add(row, run)


def cifar(folder):
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)
    store_images("cifar10", str(folder), {"train": images, "test": images[:4]})


def damaged_cifar(folder):
    cifar(folder)
    (records,) = folder.rglob("cifar10-train*")
    content = np.fromfile(records, np.uint8)
    content[len(content) // 2 :] ^= 255
    content.tofile(records)


def cifar_without_test(folder):
    cifar(folder)
    (info,) = folder.rglob("dataset_info.json")
    content = json.loads(info.read_text())
    next(split for split in content["splits"] if split["name"] == "test")["shardLengths"] = ["0"]
    info.write_text(json.dumps(content))


def no_cache(folder):
    cifar(folder)
    (folder.parent / "cache").write_text("")


bad_data("unknown-data", name="cifa10")
bad_data("unknown-variant", name="downsampled_imagenet/48x48")
bad_data("no-images", name="glue")
bad_data("channels", name="cifar10", channels=4)
bad_data("size-not-offered", name="photos", image_size=48)
bad_data("enlarged", name="cifar10", image_size=64)
bad_data("not-prepared", name="cifar10")
bad_data("by-hand", name="celeb_a_hq", image_size=256)
bad_data("validation-images", name="cifar10", validation_images=40, prepare=cifar)
bad_data("unused-validation-images", name="photos", validation_images=12)
bad_data("no-test-images", name="cifar10", prepare=cifar_without_test)
bad_data("damaged-records", data.load, damaged_cifar, name="cifar10", validation_images=1)
bad_data("cache", data.load, no_cache, name="cifar10", validation_images=1)


def bad_folder(name, files):
    def prepare(folder):
        folder.mkdir()
        for file, content in files.items():
            (folder / file).write_bytes(content)

    bad_data(name, data.load, prepare, name="folder", image_size=16)


def image(format):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).save(file, format)
    return file.getvalue()


GOOD = {f"{number}.png": image("png") for number in range(4)}
bad_folder("empty-folder", {})
bad_folder("one-image", {"a.png": image("png")})
bad_folder("truncated-jpeg", GOOD | {"bad.jpg": image("jpeg")[:500]})
bad_folder("text-png", GOOD | {"bad.png": b"no image at all\n"})
bad_folder("zero-bytes", GOOD | {"bad.png": b""})
bad_data("missing-folder", name="folder")
add("no-folder-given", lambda here, monkeypatch: data.check(config_of(data__name="folder").data))


@trigger
def no_labels(here, monkeypatch):
    data.with_classes(config_of(model__condition="class", data__name="celeb_a_hq", data__image_size=256))


@trigger
def few_classes(here, monkeypatch):
    pixels, labels = np.zeros((1, 32, 32, 3), np.uint8), np.zeros(1, np.int32)
    images = data.ImageData("cifar10", "1", "", "", {"train": pixels}, {"train": labels}, [*"abcdefghij"])
    data.check_classes(config_of(model__condition="class", model__classes=2, data__name="cifar10"), images)


def of_a_run(row, use, **fields):
    """What is done with a run that has nothing but a config."""

    def run(here, monkeypatch):
        workdir = Workdir(here / "run")
        workdir.path.mkdir()
        workdir.save_config(config_of(**fields))
        use(workdir)

    add(row, run)


OF_CLASSES = {"model__condition": "class", "model__classes": 10}
of_a_run("no-classes", lambda workdir: conditions.check_flags(workdir, "cat", None))
of_a_run("unknown-class", lambda workdir: conditions.check_flags(workdir, "10", None), **OF_CLASSES)
of_a_run("not-enlarged", lambda workdir: conditions.check_flags(workdir, None, "mine"))
OF_MADE = {"model__name": "maf", "model__network": "made"}
OF_TOKENS = {"model__name": "tarflow", "model__network": "causal_transformer"}
of_a_run("guided-family", lambda workdir: conditions.check_guidance(workdir, 2.0, 1.0))
of_a_run("guided-by-nothing", lambda workdir: conditions.check_guidance(workdir, 2.0, 1.0), **OF_TOKENS)
of_a_run("guided-by-no-attention", lambda workdir: conditions.check_guidance(workdir, 2.0, 2.0), **OF_MADE)
of_a_run("temperature-alone", lambda workdir: conditions.check_guidance(workdir, 0.0, 2.0))
of_a_run("no-temperature", lambda workdir: conditions.check_guidance(workdir, 2.0, 0.0))
of_a_run("no-noise", conditions.check_denoise)
of_a_run("folder-like-a-picture", lambda workdir: workdir.results_folder("grid.png", workdir.pictures))
of_a_run("no-data-needed", lambda workdir: conditions.check_data_dir("x", None, workdir))
of_a_run("data-and-images", lambda workdir: conditions.check_data_dir("x", "mine"))
of_a_run("no-class-given", lambda workdir: conditions.labels_of(workdir, (), "mine"), **OF_CLASSES)
of_a_run("class-of-test-images", lambda workdir: conditions.labels_of(workdir, ("1",), None), **OF_CLASSES)


@trigger
def classes_of_images(here, monkeypatch):
    for number in range(3):
        (here / f"{number}.png").write_bytes(image("png"))
    workdir = Workdir(here / "run")
    workdir.path.mkdir()
    workdir.save_config(config_of(**OF_CLASSES))
    conditions.labels_of(workdir, ("1", "2"), ",".join(f"{here}/{number}.png" for number in range(3)))


@trigger
def workdir_not_writable(here, monkeypatch):
    (here / "file").write_text("")
    Workdir(here / "file" / "run").check(config_of())


@trigger
def read_only_workdir(here, monkeypatch):
    with Workdir("/proc/flowconv").alone():
        pass


@trigger
def two_jobs(here, monkeypatch):
    with Workdir(here).alone():
        preflight.require_checks(config_of(), Workdir(here))


@trigger
def no_exchange(here, monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    preflight.require_checks(config_of(), Workdir(here))


@trigger
def checkpoints_without_config(here, monkeypatch):
    version_0_1 = tf.train.CheckpointManager(tf.train.Checkpoint(), str(here / "checkpoints"), max_to_keep=1)
    version_0_1.save(checkpoint_number=1)
    preflight.require_checks(config_of(), Workdir(here))


@trigger
def weights_alone(here, monkeypatch):
    Workdir(here).save_config(config_of())
    checkpoints(here, "a").save_best(1)
    preflight.require_checks(config_of(), Workdir(here))


@trigger
def other_model(here, monkeypatch):
    Workdir(here).save_config(config_of())
    Workdir(here).check(config_of(model__depth=8))


@trigger
def newer_version(here, monkeypatch):
    write_json(here / "config.json", {"format": 2, **config_of().to_dict()})
    Workdir(here).check(config_of())


@trigger
def damaged_config(here, monkeypatch):
    (here / "config.json").write_text('{"model": {"dep')
    Workdir(here).check(config_of())


def changed_config(row, model):
    def run(here, monkeypatch):
        saved = config_of().to_dict()
        write_json(here / "config.json", saved | {"model": model})
        Workdir(here).load_config()

    add(row, run)


changed_config("config-field", config_of().model.to_dict() | {"depth": "two"})
changed_config("config-lacks", {name: value for name, value in config_of().model.items() if name != "depth"})


@trigger
def config_overflow(here, monkeypatch):
    saved = config_of().to_dict()
    saved["optimizer"]["learning_rate"] = 10**400
    write_json(here / "config.json", saved)
    Workdir(here).load_config()


@trigger
def unreadable_run(here, monkeypatch):
    Workdir(here / "run").save_config(config_of())
    with without_rights(here / "run"):
        Workdir(here / "run").load_config()


@trigger
def damaged_results(here, monkeypatch):
    Workdir(here).save_config(config_of())
    write_json(here / "results.json", [3])
    write_report(Workdir(here), here / "report.html")


@trigger
def link_out(here, monkeypatch):
    run = Workdir(here / "sent")
    run.save_config(config_of())
    run.metrics.symlink_to("/etc/passwd")
    run.load_config()


@trigger
def no_run(here, monkeypatch):
    Workdir(here).load_config()


def bad_path(name, path):
    add(name, lambda here, monkeypatch: Workdir(path))


bad_path("empty-path", "")
bad_path("url", "gs://bucket/run")
bad_path("long-path", "/tmp/" + "long/" * 800)
bad_path("long-name", "x" * 256)
bad_path("null-in-path", "a\0b")


@trigger
def no_current_folder(here, monkeypatch):
    (here / "gone").mkdir()
    monkeypatch.chdir(here / "gone")
    (here / "gone").rmdir()
    Workdir("run")


@trigger
def unknown_model(here, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", here)
    pretrained.chosen(None, "photoz")


@trigger
def model_and_workdir(here, monkeypatch):
    pretrained.chosen("runs/photos", "photos")


@trigger
def precision_of_savedmodel(here, monkeypatch):
    refused_by("scripts/export.py", f"--workdir={here}", f"--output={here}/a", "--precision=float16")


@trigger
def weights_without_results(here, monkeypatch):
    write_json(here / "results.json", {"best_at_images": 160})
    weights_export.export(load.Run(types.SimpleNamespace(), config_of(), Workdir(here), 320), here / "out")


@trigger
def weights_too_large(here, monkeypatch):
    weights_export.rounded(tf.Variable([1e5]), "float16")


@trigger
def no_workdir(here, monkeypatch):
    refused_by("scripts/evaluate.py")


class Holder:
    """Stands for a model, or an optimizer, with a few variables."""

    name, trainable_variables = "adam", ()

    def __init__(self, *names):
        self.variables = [types.SimpleNamespace(path=name, value=tf.Variable([1.0, 2.0])) for name in names]


def checkpoints(here, *names):
    return Checkpoints(Holder(*names), Holder("iteration"), {}, architecture(config_of()), here / "new", here / "best")


@trigger
def all_checkpoints_damaged(here, monkeypatch):
    both = checkpoints(here, "a", "b")
    for number in (1, 2):
        both.save(number)
    for file in (here / "new").glob("*.index"):
        file.write_bytes(file.read_bytes()[:20])
    both.restore()


@trigger
def checkpoints_not_writable(here, monkeypatch):
    run = checkpoints(here, "a")
    for number in (1, 2):
        run.save(number)
    (here / "new" / "ckpt-2.index").write_bytes(b"")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    run.restore()


@trigger
def foreign_checkpoint(here, monkeypatch):
    checkpoints(here, "a", "b").save(1)
    checkpoints(here, "a", "c").restore()


@trigger
def disk_full(here, monkeypatch):
    shutil.rmtree(here / "new", ignore_errors=True)
    (here / "new").symlink_to("/dev/full/new")
    checkpoints(here, "a").save(1)


@trigger
def any_disk_full(here, monkeypatch):
    with room_needed():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), here / "file")


@trigger
def workdir_gone(here, monkeypatch):
    Workdir(here / "run").check_unmoved()


@trigger
def little_disk(here, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(total=2**31, used=2**31, free=1000))
    preflight.require_checks(config_of(), Workdir(here))


@trigger
def no_sink_package(here, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "wandb" else found(name))
    preflight.require_checks(config_of(model__width=1, train__sinks="tensorboard,wandb"), Workdir(here))


@trigger
def memory_of_a_script(here, monkeypatch):
    def exhausted(given):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[9,9]\nmore")

    monkeypatch.setattr(sys, "argv", ["program"])
    Command(exhausted, "A program.", [shared_flags.batch_size("images at a time")])._run()


@trigger
def memory_exhausted(here, monkeypatch):
    def exhausted(run, *_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[9,9]\nmore")

    monkeypatch.setattr(run.Run, "train", exhausted)
    monkeypatch.setattr(distributed.Watchdog, "feed", lambda *_, **__: None)  # it would end the tests
    small = {"model__levels": 1, "model__depth": 1, "model__width": 2, "data__image_size": 16}
    training.train(config_of(**small), here / "run")


@trigger
def little_memory(here, monkeypatch):
    preflight.require_checks(config_of(train__batch_size=4_000_000, model__backward="store"), Workdir(here))


@trigger
def no_horovod(here, monkeypatch):
    monkeypatch.setattr(distributed.horovod, "hvd", one_process)
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    distributed.initialize()


@trigger
def one_process_alone(here, monkeypatch):
    monkeypatch.setenv("HOROVOD_SIZE", "2")
    refused_by("scripts/sample.py", f"--workdir={here}")


@trigger
def no_tensorflow(here, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name="tensorflow")

    monkeypatch.setattr("importlib.import_module", missing)
    flowconv.load(here)


@trigger
def no_address(here, monkeypatch):
    monkeypatch.setenv("HOROVOD_SIZE", "2")
    monkeypatch.setattr("socket.gethostbyname", lambda name: (_ for _ in ()).throw(OSError()))
    distributed.initialize()


@trigger
def more_ranks_than_gpus(here, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["one"] if kind == "GPU" else [])
    monkeypatch.setattr(distributed.horovod.hvd, "local_rank", lambda: 3)
    monkeypatch.setattr(distributed.horovod.hvd, "local_size", lambda: 4)
    distributed.initialize()


def other_rank(monkeypatch, change):
    """Has a second rank that gathers something else."""
    monkeypatch.setattr(distributed, "size", lambda: 2)
    monkeypatch.setattr(distributed, "gather", lambda value: [value, change(dict(value))])


@trigger
def open_driver(here, monkeypatch):
    monkeypatch.setenv("HOROVOD_ELASTIC", "1")
    monkeypatch.setenv("HOROVOD_GLOO_RENDEZVOUS_ADDR", "127.0.0.1")  # with no token after it
    preflight.require_checks(config_of(), Workdir(here))


@trigger
def ranks_differ(here, monkeypatch):
    other_rank(
        monkeypatch, lambda value: value | {"the config": value["the config"].replace('"depth": 32', '"depth": 8')}
    )
    images = types.SimpleNamespace(fingerprint="0123", splits={"train": range(5)})
    preflight.check_consistency(config_of(), images)


@trigger
def weights_differ(here, monkeypatch):
    other_rank(monkeypatch, lambda value: {"the weights' checksum": "00000000"})
    preflight.check_same_values([tf.Variable([1.0])])


@trigger
def results_elsewhere(here, monkeypatch):
    Workdir(here).save_config(config_of())
    Workdir(here).results_folder(None, Path("/proc/flowconv"))


@trigger
def results_folder(here, monkeypatch):
    Workdir(here).save_config(config_of())
    Workdir(here).results_folder("/proc/flowconv", here)


@trigger
def other_run(here, monkeypatch):
    for name in ("one", "other"):
        Workdir(here / name).save_config(config_of())
    Workdir(here / "one").results_folder(here / "other", here / "one")


@trigger
def exported_passes(here, monkeypatch):
    config = config_of(distributed__backward_passes_per_step=2)
    given = types.SimpleNamespace(output=f"{here}/out", batch_size=3, programs=("train",), seeds=1)
    export_step.export_step(given, config)


@trigger
def exported_seeds(here, monkeypatch):
    given = types.SimpleNamespace(output=f"{here}/out", batch_size=2, programs=("train",), seeds=3)
    export_step.export_step(given, config_of())


@trigger
def folder_in_use(here, monkeypatch):
    (here / "file").write_text("")
    load.free_folder("output", here)


@trigger
def export_failed(here, monkeypatch):
    def save(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", save)
    small = {"model__levels": 1, "model__depth": 1, "model__width": 2, "data__image_size": 8}
    export(build_flow(config_of(**small)), here / "model")


@trigger
def other_scores(here, monkeypatch):
    (here / "scores.csv").write_text("path,bits_per_dim,oddness\n")
    ScoreTable(here / "scores.csv").check([Path("a.png")])


def refused_of_a_run(name, script, *arguments, **fields):
    def run(here, monkeypatch):
        config = config_of(**fields)
        Workdir(here / "run").save_config(config)
        Image.new("RGB", (16, 16)).save(here / "a.png")
        flow = types.SimpleNamespace()
        monkeypatch.setattr(load, "load_run", lambda *_: load.Run(flow, config, Workdir(here / "run")))
        given = [argument.replace("HERE", str(here)) for argument in arguments]
        refused_by(script, f"--workdir={here}/run", *given)

    add(name, run)


refused_of_a_run("report-folder", "scripts/report.py", "--output=HERE")
refused_of_a_run("labels-and-positive", "scripts/manipulate.py", "--labels=l.csv", "--positive=a")
refused_of_a_run("check-and-images", "scripts/score.py", "--check=3", "--images=mine")
refused_of_a_run("classify-without-classes", "scripts/evaluate.py", "--noclassify")
refused_of_a_run("one-image-given", "scripts/interpolate.py", "--images=HERE/a.png")
refused_of_a_run("moved-data", "scripts/reconstruct.py", data__name="folder", data__dir="gone")


def bad_trainings(name, text, seconds=None):
    def run(here, monkeypatch):
        if text is not None:
            (here / "results.jsonl").write_text(text)
        exported.tabulate(exported.read_trainings([f"{here}/results.jsonl"]), here, seconds)

    add(name, run)


TRAINING = training_line("shift", 4.0)
bad_trainings("unreadable-trainings", None)
bad_trainings("empty-trainings", "\n")
bad_trainings("no-trainings", "shift 4.0\n")
bad_trainings("trainings-twice", f"{TRAINING}\n{TRAINING}\n")
bad_trainings("trainings-of-other-seeds", f"{TRAINING}\n{training_line('nice', 4.0, seeds=(0,))}\n")
bad_trainings("trainings-without-evaluations", f"{TRAINING}\n", 5.0)
bad_trainings("trainings-without-rates", f"{training_line('shift', 4.0, images_per_second={})}\n")


@trigger
def no_finished_run(here, monkeypatch):
    (here / "shift").mkdir()
    exported.read_trainings([f"{here}/shift"])


@trigger
def rates_without_variant(here, monkeypatch):
    (here / "table.csv").write_text("variant\nnice\n")
    exported.read_rates(f"{here}/table.csv", ["shift"])


def bad_sweep(name, text, given=()):
    def run(here, monkeypatch):
        if text is not None:
            (here / "sweep.txt").write_text(text)
        variants.of_flags(config_of(), given, f"{here}/sweep.txt", 1)

    add(name, run)


bad_sweep("unreadable-sweep", None)
bad_sweep("empty-sweep", "# shift\n\n")
bad_sweep("sweep-twice", "shift\nnice\nshift # again\n")
bad_sweep("sweep-variant", "nice\nshfit\n")
bad_sweep("sweep-and-variants", "shift\n", ("shift", "nice"))


@trigger
def unknown_variants(here, monkeypatch):
    variants.variant_config(config_of(), "shfit", 0)


def compared(row, results=None, **fields):
    """A comparison whose run is there already."""

    def run(here, monkeypatch):
        workdir = Workdir(here / "run", "--output")
        workdir.save_config(config_of())
        if results is not None:
            write_json(workdir.results, results)
        comparison._check(workdir, changed(default_config(), fields))

    add(row, run)


compared("other-comparison", **{"model.scale_floor": 0.1})
compared("damaged-comparison", {"better_weights": "raw"})


@trigger
def damaged_budget(here, monkeypatch):
    write_json(here / "budget.json", [3])
    budget.training_images({}, None, 60.0, 1, here / "budget.json")


@trigger
def damaged_trials(here, monkeypatch):
    write_json(here / "learning_rates.json", [3])
    trials.best_factors([], here / "learning_rates.json")


@trigger
def all_trials_diverge(here, monkeypatch):
    write_json(here / "learning_rates.json", {"nice": {"1": None, "2": None}})
    tried = trials.trials_of({"nice": config_of()}, (1.0, 2.0), here)
    trials.best_factors(tried, here / "learning_rates.json")


@trigger
def fold_what(here, monkeypatch):
    Workdir(here).save_config(config_of(model__convolution="conv1x1"))
    fold.fold(here, here / "folded")


@trigger
def fold_not_finite(here, monkeypatch):
    small = {"model__levels": 1, "model__depth": 1, "model__width": 2, "data__image_size": 8}
    config = config_of(**small, model__convolution="shift", model__shift="channel")
    Workdir(here / "run").save_config(config)
    state = RunState(config, Workdir(here / "run"))
    state.flow.reset_weights()
    state.optimizer.reset()
    state.checkpoints.save_best(1)

    def overflow(before, after):
        weight = after.trainable_variables[0]
        weight.assign(tf.fill(weight.shape, np.inf))

    monkeypatch.setattr(fold, "fold_shift", overflow)
    monkeypatch.setattr(fold, "load_data", lambda *_: None)
    monkeypatch.setattr(fold, "_bits_per_dim", lambda *_: np.nan)
    fold.fold(here / "run", here / "folded")


def test_the_page_has_every_row_and_no_other():
    names = [name for name, _ in ROWS]
    assert len(names) == len(set(names)) >= 35
    assert set(names) == set(TRIGGERS)


@pytest.mark.parametrize(("name", "line"), ROWS, ids=[name for name, _ in ROWS])
def test_row(name, line, tmp_path, monkeypatch):
    with pytest.raises(UserError) as refused:
        TRIGGERS[name](tmp_path, monkeypatch)
    pattern = ".*".join(re.escape(part) for part in line.split("…"))
    said = str(refused.value)
    assert re.fullmatch(pattern, said), f"\n{said}\n{line}"
    assert "\n" not in said
    assert not list(Path(tmp_path).rglob("*.part")), "a half-written file"


def test_the_line_goes_to_stderr_with_status_2(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["program"])
    monkeypatch.delitem(sys.modules, "horovod")

    def act(given):
        raise UserError("--flag=1: must be\n 2")

    with pytest.raises(SystemExit) as ended:
        Command(act, "A program.")()
    assert ended.value.code == 2 and capsys.readouterr().err == "error: --flag=1: must be 2\n"
