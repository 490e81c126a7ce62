import { defineConfig } from "vite";

// The page is files for any folder of any host: relative addresses, everything in dist/page but the model.
export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  // The page runs its int8 graph on the CPU (docs/decisions/0014): the other runtime's 27 MB stay out of it.
  resolve: { alias: { "onnxruntime-web/webgpu": "onnxruntime-web/wasm" } },
  worker: { format: "es" },
  build: { outDir: "../dist/page", emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
