import * as host from "alga:psa/services";

export type { BillingMethod, Filter, ItemKind, Service } from "alga:psa/services";

/** Lists services and products (`cap:service.read`); pages count from 1. */
export async function list(filter: host.Filter = {}, page = 1, size = 25): Promise<host.Listing> {
  return host.listServices(filter, { number: page, size });
}

/** Returns one service or product, if it exists. */
export async function get(id: string): Promise<host.Service | undefined> {
  return host.getService(id);
}
