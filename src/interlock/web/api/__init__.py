"""The JSON API: one module a resource, handlers that call a use case and answer with its document. Its addresses are in
addresses.py, what stands before every one of them in door.py."""
