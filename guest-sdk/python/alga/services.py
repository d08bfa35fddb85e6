"""Services and products that the tenant sells (`cap:service.read`)."""

from typing import Any, Optional

try:
    from wit_world.imports import services as _services
    from alga._types import psa as _types
except ImportError as error:
    raise ImportError('alga.services needs "cap:service.read" in the capabilities of manifest.json') from error

from alga._host import call

_UNAVAILABLE = "the host application did not respond"

ItemKind = _services.ItemKind
BillingMethod = _services.BillingMethod


def list(
    search: Optional[str] = None,
    *,
    kind: Optional[ItemKind] = None,
    is_active: Optional[bool] = None,
    billing_method: Optional[BillingMethod] = None,
    page: int = 1,
    size: int = 25,
) -> Any:
    """Lists services and products, `items` and `total_count`; pages count from 1."""
    filter = _services.Filter(search, kind, is_active, billing_method)
    return call(lambda: _services.list_services(filter, _types.Page(page, size)), _UNAVAILABLE)


def get(id: str) -> Any:
    """Returns one service or product, if it exists."""
    return call(lambda: _services.get_service(id), _UNAVAILABLE)
