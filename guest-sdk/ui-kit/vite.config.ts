import { readdirSync } from "node:fs";
import { defineConfig } from "vite";

// Each element is a module of its own, so that a page loads what it uses. Lit is in the files: a
// page without a bundler uses them as they are.
const sources = readdirSync("src").filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"));
const entry = Object.fromEntries(sources.map((name) => [name.replace(/\.ts$/, ""), `src/${name}`]));

export default defineConfig({
  build: {
    target: "es2022",
    lib: { entry, formats: ["es"] },
    rollupOptions: { external: [/^react/], output: { chunkFileNames: "chunks/[name].js" } },
    minify: true,
  },
});
