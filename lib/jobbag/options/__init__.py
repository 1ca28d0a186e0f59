"""Command line and properties → frozen settings.

Doors: `parser` (reads both), `settings` (the result), `version`.
"""
