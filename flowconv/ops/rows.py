"""Rows of a tensor that is filled bit by bit."""

import tensorflow as tf


def write_rows(x: tf.Tensor, rows: tf.Tensor, first: tf.Tensor | int) -> tf.Tensor:
    """Returns x `[B, N, T, d]` with `rows` `[B, N, S, d]` in the place of its S rows from the first one on.

    A choice between x and the rows, each at its place, goes through every compiler, and both passes are through memory
    in a row. (A scatter would need the rows' axis to be the first one, and a transposition of everything.)
    """
    length = rows.shape[2]
    places = tf.range(x.shape[2]) - first
    there = tf.gather(rows, tf.clip_by_value(places, 0, length - 1), axis=2)
    return tf.where(((places >= 0) & (places < length))[:, None], there, x)
