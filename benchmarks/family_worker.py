"""Worker that runs any flow: actions "train", "encode" and "sample", and each of its products and convolutions alone.

With `floor` the actions are these products, convolutions being computed as the program does, or ("library") as
`tf.nn.conv2d` does. Those of training are of the forward pass and of its gradients, each once, whatever
`model.backward` computes again.
"""

from collections.abc import Mapping
from typing import Any
from unittest import mock

from benchmarks.sizes import Size
from benchmarks.worker_protocol import Actions, serve
from flowconv import process
from flowconv.config import changed, restored


def build(size: Size, fields: Mapping[str, Any], floor: str = "") -> tuple[Actions, dict]:
    """Returns the actions of a flow, or those of a floor of it.

    Args:
      size: of images and batches.
      fields: of the config, by name.
      floor: "library" or "products"; "": none.
    """
    process.prepare("float32")  # as train.py does
    from benchmarks import products
    from benchmarks.flow_actions import flow_actions, numbers
    from benchmarks.machine import threads
    from flowconv import distributed

    distributed.initialize(images=size.batch_size)
    config = changed(restored(fields), {"model.backward": "store"} if floor else {})
    flow, actions = flow_actions(config, size)
    facts: dict[str, Any] = {"parameters": flow.parameters, "threads": threads()}
    if floor:
        with mock.patch("flowconv.ops.conv2d.runs_on_cpu", lambda: floor != "library"):
            counted = {task: products.count_products(act) for task, act in actions.items()}
        products.leave_graphs_alone()
        actions = {task: products.compute_again(each, threads()) for task, each in counted.items()}
        facts["products"] = {task: sum(each.values()) for task, each in counted.items()}
    return numbers(actions), facts


if __name__ == "__main__":
    serve(build)
