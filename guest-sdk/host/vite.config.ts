import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2022",
    lib: { entry: { index: "src/index.ts", react: "src/react.tsx" }, formats: ["es"] },
    rollupOptions: { external: [/^react/], output: { chunkFileNames: "[name].js" } },
    minify: true,
  },
});
