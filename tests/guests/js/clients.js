import { getClient, listClients } from "alga:psa/clients";

export default async () => {
  await check("list", () => listClients({ includeInactive: true }, { number: 1, size: 2 }));
  await check("search", () => listClients({ search: "a", includeInactive: false }, { number: 1, size: 1 }).items.length);
  await check("get", () => getClient("c-1"));
  await check("get nothing", () => getClient("unknown"));
  await check("wrong page", () => listClients({ includeInactive: false }, { number: 0, size: 1 }));
  return report();
};
