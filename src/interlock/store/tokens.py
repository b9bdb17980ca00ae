"""Random tokens that are shown once and remembered only by their SHA-256: for sessions, one-time links and the API.

256 random bits cannot be guessed, so a fast hash suffices, unlike for passwords; whoever reads the database cannot use what
stands there.
"""

from __future__ import annotations

import hashlib
import secrets

_BYTES = 32


def new_token(prefix: str = "") -> str:
    """`prefix` lets a scanner for leaked secrets know one of ours."""
    return prefix + secrets.token_urlsafe(_BYTES)


def hash_of(token: str) -> str:
    # What a browser sends may be any text, half an emoji among them.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
