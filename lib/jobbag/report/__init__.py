"""The files of the end of a run: its summary as JSON, its report as a page.

Doors: `summary`, `page`.
"""
