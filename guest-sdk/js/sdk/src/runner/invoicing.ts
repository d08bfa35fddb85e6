import { createManualInvoice } from "alga:psa/invoicing";
import type { InvoicingHost } from "./index.ts";

export const invoicing: InvoicingHost = {
  async createManualInvoice(input) {
    return createManualInvoice(input);
  },
};
