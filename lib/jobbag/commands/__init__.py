"""What is asked for: a run, a dry run, `--create`, `--delete`.

Doors: `dispatch.execute`, which chooses among them; `result.Result`, what each of them ends with.
"""
