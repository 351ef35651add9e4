"""Secrets at rest: vendor credentials (encrypted, Fernet) and API keys (keyed hash).

Both keys are derived from SECRET_KEY, each for its own purpose; SECRET_KEY_FALLBACKS keeps old secrets
readable while SECRET_KEY is changed.
"""

import base64
import hashlib
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class CredentialUnreadable(Exception):
    """A stored credential was encrypted under another SECRET_KEY: enter it anew, or set its FALLBACKS."""


def encrypt(secret: str) -> str:
    return _fernet(_secret_keys()).encrypt(secret.encode()).decode()


def decrypt(token: str) -> str:
    """The secret behind ``token``. Raises CredentialUnreadable."""
    try:
        return _fernet(_secret_keys()).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise CredentialUnreadable("credential was encrypted under another SECRET_KEY") from error


def keyed_hashes(secret: str) -> list[str]:
    """HMAC-SHA256 (hex, 64 characters) of an API key's secret, under SECRET_KEY first, then its fallbacks."""
    return [
        hmac.new(
            _derive(key, b"tallygate api keys"), secret.encode(errors="surrogatepass"), hashlib.sha256
        ).hexdigest()
        for key in _secret_keys()
    ]


def _secret_keys() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=4)
def _fernet(secret_keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(_derive(key, b"tallygate credentials"))) for key in secret_keys]
    )


@lru_cache(maxsize=16)
def _derive(secret_key: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(secret_key.encode())
