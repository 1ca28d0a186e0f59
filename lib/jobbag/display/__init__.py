"""The terminal: progress, lines as things happen, the screen at the end.

Doors: `progress` (how far the run is), `views` (shows it), `event_lines`, `job_lines`, `end_screen`.
"""
