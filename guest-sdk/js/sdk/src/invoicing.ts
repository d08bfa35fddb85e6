import { createManualInvoice, type Draft, type Invoice } from "alga:psa/invoicing";

export type { DiscountKind, Draft, Invoice, Item } from "alga:psa/invoicing";

/** Creates a draft invoice (`cap:invoice.manual.create`). Two calls with the same key create one invoice. */
export async function create(draft: Draft): Promise<Invoice> {
  return createManualInvoice(draft);
}
