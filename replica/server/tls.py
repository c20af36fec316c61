"""TLS: the server's certificate, and who its clients are by theirs."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from replica.errors import BadSettings


def server_context(cert: str, key: str | None, client_ca: str | None) -> ssl.SSLContext:
    """TLS with the certificate in the PEM file `cert`; its key is in `key`, or in the same file.

    With `client_ca`, clients may show a certificate that one of the authorities in that file has signed; a connection with
    any other is refused. `BadSettings` if a file cannot be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key, _no_password)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        hint = "Name PEM files: the certificate with those that lead to its authority, and its key without a password."
        raise BadSettings(f"{cert} and {key or cert} are no certificate with its key: {error}", hint=hint) from error
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except OSError as error:
            raise BadSettings(f"{client_ca} holds no certificates: {error}", hint="Name a PEM file.") from error
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def client_name(certificate: Mapping[str, Any] | None) -> str | None:
    """The name of the user in a client's certificate, which was checked: its one common name. "" if it has none, or several."""
    if not certificate:
        return None
    names = [value for pairs in certificate.get("subject", ()) for kind, value in pairs if kind == "commonName"]
    return str(names[0]) if len(names) == 1 else ""


def _no_password() -> str:
    raise ValueError("the key has a password")
