"""The install wizard's pages: `frame` around each step, one module for each step with a pair of handlers, `colleague` for links."""
