"""How long XLA takes to compile the training step."""

import itertools
import time

from ml_collections import ConfigDict


def measure(config: ConfigDict, batch_size: int = 1) -> dict[str, float]:
    """Returns what it takes to get from a built model to a training step that XLA has compiled, for this machine's CPU.

    The step is one program (flips, noise, forward, backward, update). It isn't run. The time depends on the
    levels, not on the depth K, which is a loop.

    Args:
      config: of the model, as configs/imagenet64.py has it.
      batch_size: images a step; the time hardly depends on it.

    Returns:
      seconds of the three stages: trace (Python to TensorFlow's graph), lower (to XLA's language) and compile; and
      instructions, the length of the lowered program.
    """
    from flowconv.models import build_flow
    from flowconv.training import distributed, programs
    from flowconv.training.step import build_step

    config = ConfigDict(config.to_dict())
    config.train.jit_compile = "off"  # the whole step is compiled as one, not its parts
    distributed.initialize()
    program = programs.training_program(build_step(config, build_flow(config)), batch_size)
    compiled = program.compiled()
    times = [time.perf_counter()]
    ir = compiled.experimental_get_compiler_ir(*program.arguments.values())
    times.append(time.perf_counter())
    lowered = ir(stage="hlo")
    times.append(time.perf_counter())
    ir(stage="optimized_hlo_serialized")  # lowers it once more
    times.append(time.perf_counter())
    trace, lower, both = (after - before for before, after in itertools.pairwise(times))
    return {"trace": trace, "lower": lower, "compile": both - lower, "instructions": lowered.count(" = ")}
