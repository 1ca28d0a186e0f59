"""Submit files and tables → frozen jobs; and what is wrong with them, as far as it shows without AWS.

Doors: `job` (what a job is), `rules` (when it is sent again), `reader` (from submit files), `tables` (bags without
JSON), `in_python` (of programs), `writer` (back to JSON), `schema` (for editors), `json_text` (JSON of any file),
`directory` (what is in one that is an input), `api_model` and `api_rules` (what the API would refuse).
"""
