"""Writes a model's training step as XLA programs, which scripts/run_exported_step.py runs without TensorFlow.

    python scripts/export_step.py --config=configs/cifar10.py --batch_size=64 --output=exported/cifar10
    python3 run_exported_step.py exported/cifar10 --steps=50

    python scripts/export_step.py --config=configs/cifar10.py --seeds=3 --data --output=exported/cifar10
    python3 run_exported_step.py exported/cifar10 --images=exported/cifar10/images.npz --train_images=1000000

The second of each pair needs jax and numpy alone, so it runs where there is no TensorFlow. There are four
programs. "init" draws all weights and sets the data-dependent ones, from train.initialization_images images. "train" is
one step on one device, of uint8 images and the number of the first one. It returns bits/dim, gradient norm, learning
rate and whether the update was skipped; with model.dequantization=gaussian bits/dim are those of noisy images, and
called so. The others are "encode" and "sample". Shapes are static: an export is for one
batch size. With --seeds=3 "init" has three sets of weights to choose from, and --data adds the images: with these
the second trains in earnest. With model.condition=class programs take labels, too, with low_resolution "sample"
takes images whose small versions it enlarges.
"""

from flowconv.cli import flags, shared_flags
from flowconv.cli.command import Command
from flowconv.config import images_per_rank
from flowconv.errors import UserError
from flowconv.files import check_writable
from flowconv.paths import given_path

KNOWN = ("init", "train", "encode", "sample")
FLAGS = (
    shared_flags.output("the directory to write"),
    shared_flags.batch_size("images a step (default: as many as a rank takes with this config)"),
    flags.several("programs", KNOWN, "which programs to write", KNOWN),
    flags.whole("seeds", 1, "of weights, from config.seed on, that init can draw", 1),
    flags.boolean("data", False, "whether the config's images are written too, as images.npz, for training there"),
)


def export_step(given, config):
    if given.output is None:
        raise UserError("--output is missing: name the directory to write")
    batch_size = images_per_rank(config) if given.batch_size is None else given.batch_size
    passes = config.distributed.backward_passes_per_step
    if "train" in given.programs and batch_size % passes:
        right = f"must be divisible by distributed.backward_passes_per_step = {passes}"
        raise UserError(f"--batch_size={batch_size}: {right}")
    output = given_path("--output", given.output)
    check_writable("--output", output)
    if given.seeds > 1 and "init" not in given.programs:
        raise UserError(f"--seeds={given.seeds}: is not used without init in --programs; leave it out")

    from flowconv import data, distributed
    from flowconv.inference import xla_export
    from flowconv.models import build_flow  # flags are checked before TensorFlow is imported
    from flowconv.training.step import build_step
    from flowconv.utils.console import say
    from flowconv.utils.progress_bar import working

    config = data.with_classes(config)
    distributed.initialize()
    config.train.jit_compile = "off"  # the whole step is compiled as one, not its parts
    with working("building the model, and compiling its programs"):
        step = build_step(config, build_flow(config))
        known = xla_export.all_programs(step, batch_size, config.train.initialization_images, given.seeds)
        asked = {name: each for name, each in known.items() if name in given.programs}
        manifest = xla_export.export(asked, step, output, given.seeds)
    if given.data:
        with working("writing the images"):
            xla_export.write_images(data.load(config.data), output)
    megabytes = sum(path.stat().st_size for path in xla_export.files_of(manifest, output)) / 1e6
    say(f"{', '.join(manifest['programs'])}; {len(manifest['variables'])} variables; {megabytes:.1f} MB in {output}")


main = Command(export_step, __doc__, FLAGS, takes_config=True)
