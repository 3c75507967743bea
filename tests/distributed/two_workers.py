"""Two workers that exchange a number for ever: for the test that kills one."""

import os
import time

import tensorflow as tf

from flowconv import distributed

distributed.initialize()
distributed.average(tf.constant(1.0))
with open(os.environ["PIDS"], "a") as file:
    file.write(f"{os.getpid()}\n")
while True:
    distributed.average(tf.constant(1.0))
    time.sleep(0.05)
