"""SOQL: parse a query's text, compile it against an org as one user sees it, choose an index, run it."""
