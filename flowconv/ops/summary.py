"""Events in TensorBoard's files that tf.summary has no function for."""

import tensorflow as tf


def write_event(writer: tf.summary.SummaryWriter, event: bytes) -> None:
    """Writes one serialized `tensorboard.compat.proto.event_pb2.Event`."""
    tf.raw_ops.ImportEvent(writer=writer._resource, event=event)
