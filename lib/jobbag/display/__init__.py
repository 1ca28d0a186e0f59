"""The terminal: progress, lines as things happen, the screen at the end.

Doors: `progress` (what is known), `views` (how it is shown), `live` (on a terminal), `event_lines` (in the log),
`question`, `end_screen`.
"""
