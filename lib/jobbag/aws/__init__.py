"""How AWS is called: clients, rates, retries, and what an error means.

Doors: `client` (all calls), `connection` (the endpoint, region and credentials), `rates` (the quotas).
"""
