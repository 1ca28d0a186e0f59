"""Command line and properties → frozen settings.

Doors: `parser` (from the words of the user), `settings` (what they come to), `version`.
"""
