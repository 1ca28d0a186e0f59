"""The bucket, and files to and from it.

Doors: `place` (where), `bucket` (made, emptied, deleted), `uploads`, `contents` (what is there already),
`results` and `result_files` (of jobs, and where they are written).
"""
