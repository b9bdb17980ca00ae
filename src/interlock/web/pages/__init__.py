"""One module a page: takes an `Asked`, calls a use case, shows a template. Who may see it stands in routes.py."""
