"""Operations that are fast on CPUs and that XLA can compile.

The only place for raw operations, gradients by hand, and knowledge of threads, memory layouts and backends.
"""
