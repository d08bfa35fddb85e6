import { emit } from "alga:log/logger";

export default async () => {
  for (const level of ["debug", "info", "warn", "error"]) await check(level, () => emit(level, "written", [{ name: "key", value: "value" }]));
  await check("wrong level", () => emit("loud", "written", []));
  await check("wrong field", () => emit("info", "written", [{ name: 1 }]));
  await check("console", () => console.log("also written", { a: 1 }));
  return report();
};
