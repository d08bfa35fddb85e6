/** The plugin for `vitest.config.ts` that puts mocks in the place of the host's interfaces. */

import { fileURLToPath } from "node:url";
import { interfaces } from "./mocks.js";

const MOCKS = fileURLToPath(new URL("mocks.js", import.meta.url));
const PREFIX = "\0";

/** Returns the plugin. */
export function algaMocks() {
  return {
    name: "alga-mocks",
    enforce: "pre",
    resolveId: (id) => (Object.hasOwn(interfaces, id) ? PREFIX + id : undefined),
    load(id) {
      const name = id.slice(PREFIX.length);
      return id.startsWith(PREFIX) && Object.hasOwn(interfaces, name) ? source(name) : undefined;
    },
  };
}

/** Returns a module with the functions of an interface; `delete` cannot be the name of a constant. */
function source(name) {
  const names = Object.keys(interfaces[name]);
  const functions = names.map((key) => `const _${key} = (...values) => functions.${key}(...values);`);
  return [
    `import { interfaces } from ${JSON.stringify(MOCKS)};`,
    `const functions = interfaces[${JSON.stringify(name)}];`,
    ...functions,
    `export { ${names.map((key) => `_${key} as ${key}`).join(", ")} };`,
  ].join("\n");
}
