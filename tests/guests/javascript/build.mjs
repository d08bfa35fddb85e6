// node build.mjs <handler.js> <WIT directory> <component>
// Uses the library, because the `jco` command fails on Node 20.
import { componentize } from "@bytecodealliance/componentize-js";
import { readFile, writeFile } from "node:fs/promises";

const [source, witPath, out] = process.argv.slice(2);
const { component } = await componentize(await readFile(source, "utf8"), {
  witPath,
  worldName: "page",
  disableFeatures: ["stdio"],
});
await writeFile(out, component);
