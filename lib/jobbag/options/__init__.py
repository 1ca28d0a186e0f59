"""Command line and properties → frozen settings.

Doors: `parser` (reads both), `settings` (the result), `table` (of all options) and `option` (one of them), `version`.
"""
