"""Benchmarks: each beside a stated baseline, both sides in one process, turn by turn."""
