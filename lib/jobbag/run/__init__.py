"""One run of a bag: which jobs go when, taking up, stopping, cleaning up.

Doors: `pipeline` runs the jobs; `takeup` and `abandon` say what becomes of an earlier start; `lock` keeps two runs from
one journal; `cleanup` removes what the run made; `packing` and `inputs` say which jobs go together, and when;
`safeguards` holds a run that goes wrong.
"""
