import { allConfig, config, current, remainingMs, why } from "alga:context/execution";

export default async () => {
  await check("current", () => {
    const { requestId, installId, ...rest } = current();
    return [requestId.length > 0, installId.length > 0, Object.keys(rest), rest.tenantId, rest.extensionId.length > 0];
  });
  await check("why", why);
  await check("config", () => [config("greeting"), config("absent") === undefined]);
  await check("allConfig", allConfig);
  await check("remainingMs", () => remainingMs() > 0);
  await check("wrong type", () => config(7));
  return report();
};
