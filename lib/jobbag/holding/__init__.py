"""Who holds a journal, and what others may ask of that run.

Doors: `lock` (one run at a time on a journal), `requests` (that the run be stopped).
"""
