import * as host from "alga:psa/clients";

export type { Client } from "alga:psa/clients";

/** Filter of customers. */
export interface Filter {
  search?: string;
  includeInactive?: boolean;
}

/** Lists customers (`cap:client.read`); pages count from 1. */
export async function list(filter: Filter = {}, page = 1, size = 25): Promise<host.Listing> {
  return host.listClients({ includeInactive: false, ...filter }, { number: page, size });
}

/** Returns one customer, if it exists. */
export async function get(id: string): Promise<host.Client | undefined> {
  return host.getClient(id);
}
