"""Part "compile": how long XLA takes to compile the training step, of a process of its own."""

import itertools
import time

from benchmarks.options import Options
from benchmarks.sizes import Size
from benchmarks.startup import MODEL
from benchmarks.worker_protocol import Actions, serve
from benchmarks.workers import Worker


def measure(options: Options) -> dict:
    """Returns `compile`: seconds of each stage and the program's length, of the model whose start-up is measured."""
    with Worker("benchmarks.xla_compile", MODEL) as worker:
        figures = {name: worker.facts[name] for name in ("trace", "lower", "compile", "instructions")}
    print(
        f"\ncompile: K {MODEL.depth}, L {MODEL.levels}, width {MODEL.width}: {figures['trace']:.1f} s tracing, "
        f"{figures['lower']:.1f} s lowering, {figures['compile']:.1f} s compiling "
        f"{figures['instructions']:,} instructions"
    )
    return {"compile": figures}


def build(size: Size) -> tuple[Actions, dict]:
    """Returns what it takes to get from a built model to a training step that XLA has compiled, for this machine's CPU.

    The step is one program (flips, noise, forward, backward, update). It isn't run. The time depends on the
    levels, not on the depth K, which is a loop.

    Returns:
      No actions; seconds of the three stages: trace (Python to TensorFlow's graph), lower (to XLA's language) and
      compile; and instructions, the length of the lowered program.
    """
    from benchmarks.configs import config_of
    from flowconv import distributed
    from flowconv.inference import xla_export
    from flowconv.models import build_flow
    from flowconv.training.step import build_step

    config = config_of(size)
    config.train.jit_compile = "off"  # the whole step is compiled as one, not its parts
    distributed.initialize()
    program = xla_export.training_program(build_step(config, build_flow(config)), size.batch_size)
    compiled = program.compiled()
    times = [time.perf_counter()]
    ir = compiled.experimental_get_compiler_ir(*program.arguments.values())
    times.append(time.perf_counter())
    lowered = ir(stage="hlo")
    times.append(time.perf_counter())
    ir(stage="optimized_hlo_serialized")  # lowers it once more
    times.append(time.perf_counter())
    trace, lower, both = (after - before for before, after in itertools.pairwise(times))
    return {}, {"trace": trace, "lower": lower, "compile": both - lower, "instructions": lowered.count(" = ")}


if __name__ == "__main__":
    serve(build)
