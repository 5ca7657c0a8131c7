"""Benchmarks: every figure a ratio against a ceiling measured in the same run, printed with its spread.

`make bench` runs them all; `python -m bench NAME…` runs some. Method and results: docs/performance.md.
"""
