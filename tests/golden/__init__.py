"""The core's decisions written out, one file per table, so that a change of a rule shows as a changed line in review.

`python -m tests.golden` writes the files anew (`make golden`); tests/unit/core/test_golden_tables.py keeps them equal to
the functions. A changed line is a changed promise: read it against docs/guarantees.md before it is committed.
"""
