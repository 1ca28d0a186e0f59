"""What is asked for: a run, a dry run, `--create`, `--delete`.

Doors: `dispatch`.
"""
