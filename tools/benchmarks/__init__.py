"""Measure kapps against its peers, side by side on the same machine in the same minutes.

One module a subject, each with `TITLE` and `run() -> Section`. `python -m tools.benchmarks` runs
them and writes docs/benchmarks.md, `python -m tools.benchmarks imports export` those sections.
"""
