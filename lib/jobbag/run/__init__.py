"""One run of a bag: which jobs go when, taking up, stopping, cleaning up.

Doors: `task` (what is to be done), `pipeline` (runs the jobs), `consumers` (who hears of the events), `shutdown` (what
a signal leads to), `takeup`, `again` and `abandon` (what becomes of an earlier start), `cleanup` (removes
what the run made), `packing` and `inputs` (which jobs go together, and when),
`safeguards` (stops a run that goes wrong).
"""
