"""HubSpot and Salesforce, locally: two stateful emulators built from the vendors' documentation."""
