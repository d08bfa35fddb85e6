"""Draft invoices (`cap:invoice.manual.create`).

    line = invoicing.Item(service_id, 2.5, "Support", 12000.0, None, None, None)
    invoice = invoicing.create(client_id, [line], idempotency_key="2026-11-acme")
"""

from typing import Any, List, Optional

try:
    from wit_world.imports import invoicing as _invoicing
except ImportError as error:
    raise ImportError('alga.invoicing needs "cap:invoice.manual.create" in the capabilities of manifest.json') from error

from alga._host import call

Item = _invoicing.Item
DiscountKind = _invoicing.DiscountKind


def create(
    client_id: str,
    items: List[Item],
    *,
    idempotency_key: str,
    invoice_date: Optional[str] = None,
    due_date: Optional[str] = None,
    po_number: Optional[str] = None,
) -> Any:
    """Creates a draft invoice. Two calls with the same key create one invoice."""
    draft = _invoicing.Draft(client_id, items, invoice_date, due_date, po_number, idempotency_key)
    return call(lambda: _invoicing.create_manual_invoice(draft), "the host application did not respond")
