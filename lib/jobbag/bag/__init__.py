"""Submit files → frozen jobs; and what is wrong with them, as far as it shows without AWS.

Doors: `job` (what a job is), `reader` (from submit files), `api_model` and `api_rules` (what the API would refuse).
"""
