import { createManualInvoice } from "alga:psa/invoicing";

const draft = {
  clientId: "c-1",
  items: [{ serviceId: "s-1", quantity: 2.5, description: "Support", rate: 12_000, discount: "fixed" }],
  invoiceDate: "2026-11-21",
  dueDate: "2026-12-21",
  poNumber: "PO 7",
  idempotencyKey: "key-1",
};

export default async () => {
  await check("create", () => createManualInvoice(draft));
  await check("create again", () => createManualInvoice(draft).id);
  await check("no items", () => createManualInvoice({ ...draft, items: [], idempotencyKey: "key-2" }));
  await check("wrong date", () => createManualInvoice({ ...draft, dueDate: "21.12.2026", idempotencyKey: "key-3" }));
  await check("unknown client", () => createManualInvoice({ ...draft, clientId: "unknown", idempotencyKey: "key-4" }));
  await check("missing field", () => createManualInvoice({ items: [] }));
  return report();
};
