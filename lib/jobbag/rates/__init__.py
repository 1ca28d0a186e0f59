"""How fast to call an API that others call, too: what AWS allows, less what it refuses, shared with other clients.

Doors: `limit` (the pace of an API), `quotas` (what AWS allows), `clients` (the user's others on this machine).
"""
