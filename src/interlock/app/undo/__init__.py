"""Undo: take back what was carried over, as long as nobody has built on it. Planning, running, and the words for it."""
