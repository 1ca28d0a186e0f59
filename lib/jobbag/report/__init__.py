"""What came of a run, as files: its summary as JSON, its report as a page, which is there while the run lasts, too.

Doors: `summary`, `page`, `live` (while the run lasts), `details` (of single jobs), `console` (of AWS),
`view` (the summary for programs).
"""
