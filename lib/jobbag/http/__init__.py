"""A request like one that botocore has made, and its answer, with little CPU.

Doors: `signing` (its head), `exchange` (over a connection that is open already).
"""
