import { getClient, listClients } from "alga:psa/clients";
import type { ClientsHost } from "./index.ts";

export const clients: ClientsHost = {
  async list({ page = 1, pageSize = 25, ...filter } = {}) {
    return listClients({ includeInactive: false, ...filter }, { number: page, size: pageSize });
  },
  async get(id) {
    return getClient(id) ?? null;
  },
};
