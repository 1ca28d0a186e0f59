"""The bucket, and files to and from it.

Doors: `place` (where), `bucket` (made, emptied, deleted), `in_flight` (how many requests at once), `uploads`,
`contents` (what is there already), `results` and `result_files` (of jobs, and where they are written).
"""
