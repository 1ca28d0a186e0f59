"""How AWS is called: clients, rates, retries, and what an error means.

Doors: `client` (all calls), `connection` (to which AWS, as whom), `rates` (the quotas).
"""
