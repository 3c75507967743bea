"""What the program costs, measured against its own convolutions and against other programs.

Everything measured runs in a process of its own (`protocol`, `workers`); what starts and compares them never
imports TensorFlow. Nothing is imported here, so that other environments can run what they need.
"""
