"""The kernel both local CRMs stand on: HTTP, clock, journal, faults, call counts, control API, pages, server.

It knows neither HubSpot nor Salesforce, and imports nothing of either. Everything in it is deterministic: time comes
from a Clock, chance from a seeded random.Random, and handlers run to their end without awaiting.
"""
