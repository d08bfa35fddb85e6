import { add, observe, set } from "alga:metrics/meter";

export default async () => {
  await check("add", () => add("calls", 2, [{ key: "kind", value: "a" }]));
  await check("set", () => set("depth", 7, []));
  await check("observe", () => observe("seconds", 0.25, []));
  await check("undeclared", () => add("others", 1, []));
  await check("wrong label", () => add("calls", 1, [{ key: "color", value: "red" }]));
  await check("negative", () => add("calls", -1, [{ key: "kind", value: "a" }]));
  await check("not a number", () => set("depth", NaN, []));
  return report();
};
