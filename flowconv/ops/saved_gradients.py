"""Gradients that a SavedModel lacks."""

from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.python.saved_model.fingerprinting_utils import write_fingerprint

REFUSAL = "this derivative was not exported; second ones never are"


def refuse_missing_gradients(folder: str) -> None:
    """Has the functions of a SavedModel refuse, in words, the custom gradients that were not saved with them.

    TensorFlow saves the gradients of functions, not those of gradients. It leaves the names of the latter in place,
    which mean nothing where the model is loaded, or another gradient; for each function it warns of that. Here
    `PreventGradient` takes their place: results are the same, and there is nothing to warn of.

    Args:
      folder: of the SavedModel, which is changed.
    """
    path = Path(folder, "saved_model.pb")
    saved = SavedModel.FromString(path.read_bytes())
    for graph in saved.meta_graphs:
        library = graph.graph_def.library
        known = {gradient.registered_op_type.encode() for gradient in library.registered_gradients}
        for function in library.function:
            _refuse(function, known)
    path.write_bytes(saved.SerializeToString(deterministic=True))
    write_fingerprint(folder)  # which is that of the file


def _refuse(function: FunctionDef, known: set[bytes]) -> None:
    """Puts `PreventGradient` before each operation of a custom gradient that isn't among the known ones."""
    for node in [*function.node_def]:  # (more are added)
        if node.op != "IdentityN" or "_gradient_op_type" not in node.attr:  # as tf.custom_gradient makes them
            continue
        if node.attr["_gradient_op_type"].s in known:
            continue
        del node.attr["_gradient_op_type"]
        for number, dtype in enumerate(node.attr["T"].list.type):
            if tf.as_dtype(dtype).is_floating:
                stop = function.node_def.add(name=f"{node.name}/refused_{number}", op="PreventGradient")
                stop.device = node.device
                stop.input.append(node.input[number])
                stop.attr["T"].type = dtype
                stop.attr["message"].s = REFUSAL.encode()
                node.input[number] = f"{stop.name}:output:0"
