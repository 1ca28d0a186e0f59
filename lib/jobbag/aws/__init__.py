"""How AWS is called: clients, rates, retries, and what an error or an answer means.

Doors: `client` (all calls), `connection` (the endpoint, region and credentials),
`faults` (which errors pass), `paging` (listings that lead to no end), `regions` (partitions, and where S3
is), `redaction` (no secrets), `settling` (what AWS may not know yet).
"""
