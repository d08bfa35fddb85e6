import { reveal } from "alga:secrets/reveal";

export default async () => {
  await check("reveal", () => text(reveal("api-key")));
  await check("not set", () => text(reveal("not-set")));
  await check("undeclared", () => text(reveal("undeclared")));
  return report();
};
