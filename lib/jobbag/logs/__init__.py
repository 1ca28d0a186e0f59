"""Log streams → the output files.

Doors: `fetcher` (logs of jobs that have ended), `follower` (of those that run), `outputs` (a file for each job, or
merged), `part_files`, `records` (what Pegasus parses).
"""
