"""The bucket, and files to and from it.

Doors: `place` (where), `bucket` (made, emptied, deleted), `uploads`, `contents` (what is there already).
"""
