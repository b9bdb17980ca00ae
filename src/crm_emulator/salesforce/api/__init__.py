"""The REST API of the local org: routes, sign-in, limits, and one module per group of resources."""
