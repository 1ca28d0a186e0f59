"""Log streams → the output files.

Doors: `fetcher` (logs of jobs that have ended), `follower` (of those that run), `outputs` (per job, or merged),
`records` (what Pegasus parses).
"""
