"""Certificates for tests, made by `openssl`: an authority, and what it signs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.needs import need

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]


def _openssl(*words: str | Path) -> None:
    subprocess.run([need("openssl"), *map(str, words)], check=True, capture_output=True)


class Authority:
    """Somebody who signs certificates; `trusted` is the file by which others know it."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder, self._name = folder, name
        self.trusted, self._key = folder / f"{name}.crt", folder / f"{name}.key"
        _openssl("req", "-x509", *_KEY, "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.trusted)

    def signed(self, name: str, subject: str | None = None) -> Path:
        """A file with a certificate of this machine, for that name (or subject), and its key; `NAME.key` has the key alone."""
        key, wish, shown, both = (self._folder / f"{self._name}-{name}.{end}" for end in ("key", "csr", "crt", "pem"))
        _openssl("req", "-new", *_KEY, "-subj", subject or f"/CN={name}", "-keyout", key, "-out", wish)
        extensions = self._folder / "extensions"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        signer = ["-CA", self.trusted, "-CAkey", self._key, "-CAcreateserial", "-days", "2", "-extfile", extensions]
        _openssl("x509", "-req", "-in", wish, *signer, "-out", shown)
        both.write_text(key.read_text() + shown.read_text())
        return both
