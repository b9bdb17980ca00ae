"""Deployments: what the Metadata API does with a zip of XML files. `deployments.py` is the way in."""
