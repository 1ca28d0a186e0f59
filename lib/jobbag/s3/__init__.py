"""The bucket, and files to and from it.

Doors: `place` (where), `bucket` (made, emptied, deleted), `uploads` (files to it), `contents` (what is there already).
"""
