"""Benchmarks: real processes, real ports, a real database. They print figures and ratios and assert no time.

`python -m tests.bench --help` lists them.
"""
