import { defineConfig } from "vite";

// The page is files for any folder of any host: relative addresses, everything in dist/page but the model.
export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es" },
  build: { outDir: "../dist/page", emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
