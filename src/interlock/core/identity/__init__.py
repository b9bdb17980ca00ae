"""Whether two records are one person or one company: from what two records have in common to a link, a suggestion or nothing.

Pure and without libraries: how alike two values are is said by `objects/likeness.py`, which knows names, addresses and numbers.
Here that is weighed (`verdict.py`, by the points of `rules.py`), and here is decided which records are compared at all
(`candidates.py`), which of one side belong together (`duplicates.py`) and what a person has refused (`refusals.py`).
"""
