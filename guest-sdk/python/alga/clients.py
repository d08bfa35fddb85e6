"""Customers of the tenant (`cap:client.read`)."""

from typing import Any, Optional

try:
    from wit_world.imports import clients as _clients
    from alga._types import psa as _types
except ImportError as error:
    raise ImportError('alga.clients needs "cap:client.read" in the capabilities of manifest.json') from error

from alga._host import call

_UNAVAILABLE = "the host application did not respond"


def list(search: Optional[str] = None, *, include_inactive: bool = False, page: int = 1, size: int = 25) -> Any:
    """Lists customers, `items` and `total_count`; pages count from 1."""
    filter = _clients.Filter(search, include_inactive)
    return call(lambda: _clients.list_clients(filter, _types.Page(page, size)), _UNAVAILABLE)


def get(id: str) -> Any:
    """Returns one customer, if it exists."""
    return call(lambda: _clients.get_client(id), _UNAVAILABLE)
