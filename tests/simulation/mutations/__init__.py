"""Testing the tester: named mistakes in the engine, each of which the standard seeds must catch.

A mutation (mutation.py) is data: which text of which module becomes which other text, and what that breaks. A fresh process
(player.py) imports the mistaken engine instead of the real one and plays standard seeds, or those of the theme whose rule it is a
mistake of, nothing else: a mutation has no scenario of its own, so one that no seed catches is a hole in the simulation. Nothing in
`src/` knows of any of this.

`python -m tests.simulation.mutations` hunts them all and prints which seed caught which with what.
"""
