import { config } from "alga:context/execution";
import { fetch } from "alga:http/client";
import { names } from "alga:secrets/store";

export default async () => {
  const origin = config("greeting");
  const seen = async (secret, ...more) => (await (await fetch(`${origin}/digest`, { secrets: [secret, ...more] })).json()).headers;
  await check("names", names);
  await check("bearer", async () => (await seen({ secret: "api-key" })).authorization);
  await check("basic", async () => (await seen({ secret: "api-key", placement: "basic", name: "alga" })).authorization);
  await check("header", async () => (await seen({ secret: "api-key", placement: "header", name: "x-api-key" }))["x-api-key"]);
  await check("elsewhere", async () => await seen({ secret: "elsewhere" }));
  await check("undeclared", async () => await seen({ secret: "undeclared" }));
  await check("not set", async () => await seen({ secret: "not-set" }));
  await check("not a field", async () => await seen({ secret: "api-key", placement: "header", name: "host" }));
  return report();
};
