"""Turns what chappe-bench measured into docs/performance.md: records, then grids and verdicts, then text and plots."""
