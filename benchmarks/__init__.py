"""Benchmarks: the cost of the program, measured against its own convolutions and against other programs.

Everything measured runs in a process of its own (`worker_protocol`, `workers`); what starts and compares them never
imports TensorFlow. Nothing is imported here, so that other environments can run what they need.
"""
