"""Secrets of the tenant in plaintext (`cap:secrets.reveal`), for signing and decrypting.

    key = reveal.text("signing-key")
"""

try:
    from wit_world.imports import reveal as _reveal
except ImportError as error:
    raise ImportError('alga.reveal needs "cap:secrets.reveal" in the capabilities of manifest.json') from error

from alga._host import call


def value(name: str) -> bytes:
    """Returns a secret; `NotFound` if the tenant has not set it, `Denied` if it is not declared."""
    return bytes(call(lambda: _reveal.reveal(name), "the secret store did not respond"))


def text(name: str) -> str:
    """Returns a secret as text."""
    return value(name).decode()
