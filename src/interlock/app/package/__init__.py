"""Interlock's own metadata in an org (`salesforce/` in the repository): planned, deployed, assigned, removed."""
