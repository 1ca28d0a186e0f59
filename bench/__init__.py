"""Measures the tool as a whole, and others beside it: `python -m bench --help`, README.md."""
