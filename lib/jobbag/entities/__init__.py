"""Job definition, compute environment and job queue: planned, looked up, made, removed.

Doors: `kinds`, `entity`, `names` and `plan` (what the user's words mean), `lookup` (what AWS has), `creation`,
`deletion`, `capacity` (what jobs ask for, and what there is).
"""
