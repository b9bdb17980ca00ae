"""People and what they may do: signing in, one-time links, roles, tokens, the log of deeds. One reason a module.

Below the pages and the commands, above the store. Knows nothing of cookies, forms or addresses of pages.
"""
