"""Submit files → frozen jobs, and all that can be wrong with them before AWS is asked.

Doors: `job` (what a job is), `reader` (from submit files), `api_model` and `api_rules` (what the API would refuse).
"""
