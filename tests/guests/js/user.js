import { current } from "alga:user/identity";

export default async () => {
  await check("current", () => Object.entries(current() ?? {}).map(([key, value]) => [key, typeof value]));
  return report();
};
