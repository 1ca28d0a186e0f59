"""What is looked at before anything is changed: by a run, and by a dry run.

Doors: `offline` (all that can be wrong without AWS), `checks` (in AWS), `probe` (what a run would find and do),
`permissions` (what IAM says of it), `pricing` (what an hour costs).
"""
