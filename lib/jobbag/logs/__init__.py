"""Log streams → the output files.

Doors: `fetcher` (logs of jobs that have ended), `ending` (how a job ended, from its log), `follower` (of those that
run), `outputs` (files for each job), `merged_files` (or for all), `part_files`, `ranges` (where in a file), `records`
(what Pegasus parses), `streams`, `readings` and `delays` (how streams are read).
"""
