"""Reading a signed assertion (RFC 7519, RS256 only) against the certificate of the app. Decides nothing about its claims."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_pem_x509_certificate


def verified(assertion: str, certificate_pem: str | None) -> dict[str, Any] | None:
    """The claims; None for what this app did not sign, or is no assertion at all."""
    parts = assertion.split(".")
    if certificate_pem is None or len(parts) != 3:
        return None
    try:
        head, claims, signature = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
        if msgspec.json.decode(head, type=dict[str, Any]).get("alg") != "RS256":
            return None
        key = _public_key(certificate_pem)
        key.verify(signature, f"{parts[0]}.{parts[1]}".encode(), padding.PKCS1v15(), hashes.SHA256())
        return msgspec.json.decode(claims, type=dict[str, Any])
    except (binascii.Error, ValueError, InvalidSignature):
        return None


def _public_key(pem: str) -> rsa.RSAPublicKey:
    given = pem.encode()
    is_certificate = "CERTIFICATE" in pem
    key = load_pem_x509_certificate(given).public_key() if is_certificate else serialization.load_pem_public_key(given)
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("an RSA key is needed")
    return key
