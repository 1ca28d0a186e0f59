"""What is asked for: a run, a dry run, `--create`, `--delete`, `--status`, `--logs`, `--cancel`.

Doors: `dispatch`, `front` (who asks for a run), `result` (what one ends with).
"""
