"""Telling people what happened: what is worth telling (watch), to whom (channels), and how it gets there (courier)."""
