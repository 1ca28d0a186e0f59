"""What happened in a run: on disk, and folded into what became of each job.

Doors: `events`, `results`, `escalation` and `observation` (what happened), `consumers` (who hears of it), `journal` (on
disk), `tail` (of one that grows), `state` and `outcome` (folded), `remarks` (for the files of a job), `causes` (why
jobs failed), `costs` (what they cost), `jobstate_log`.
"""
