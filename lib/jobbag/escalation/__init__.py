"""Which jobs are sent again with more memory or to another queue, with how much, and what follows for the bag.

Doors: `policy` (what follows from the end of a job), `amounts` (how much memory can be tried), `advice` (what the bag
could ask for instead).
"""
