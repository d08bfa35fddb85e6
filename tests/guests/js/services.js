import { getService, listServices } from "alga:psa/services";

export default async () => {
  await check("list", () => listServices({}, { number: 1, size: 2 }));
  await check("filter", () => listServices({ kind: "service", isActive: true, billingMethod: "hourly" }, { number: 1, size: 9 }).items.length);
  await check("get", () => getService("s-1"));
  await check("get nothing", () => getService("unknown"));
  await check("wrong kind", () => listServices({ kind: "thing" }, { number: 1, size: 9 }));
  return report();
};
