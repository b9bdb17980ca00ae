"""The install wizard's use cases: `state` keeps what was chosen, `path` puts the steps in order, one module for each step."""
