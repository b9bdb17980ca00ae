"""The schema steps, one file each, in order of their revision."""
