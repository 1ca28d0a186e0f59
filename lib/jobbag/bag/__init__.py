"""Submit files → frozen jobs; and what is wrong with them, as far as it shows without AWS.

Doors: `job` (what a job is), `reader` (from submit files), `directory` (what is in one that is an input), `api_model`
and `api_rules` (what the API would refuse).
"""
