// node build.mjs <handler.js> <folder with WIT> <component>: as a library, because the command of jco fails on Node 20.
import { componentize } from "@bytecodealliance/componentize-js";
import { readFile, writeFile } from "node:fs/promises";

const [source, witPath, out] = process.argv.slice(2);
const { component } = await componentize(await readFile(source, "utf8"), {
  witPath,
  worldName: "page",
  disableFeatures: ["stdio"],
});
await writeFile(out, component);
