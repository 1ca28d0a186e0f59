"""Job definition, compute environment and job queue: planned, looked up, made, removed.

Doors: `kinds`, `entity`, `names` and `plan` (what the options mean), `lookup` (what AWS has), `creation`, `deletion`,
`containers` (the forms of a job definition), `capacity` (what jobs ask for, and what compute environments have).
"""
