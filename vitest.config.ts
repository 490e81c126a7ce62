import { defineConfig } from "vitest/config";

const source = new URL("src/", import.meta.url).pathname;

export default defineConfig({
  resolve: { alias: [{ find: /^#platform\/(.*)$/, replacement: `${source}platform/$1.ts` }] }, // of src/, not of dist/
  test: {
    globalSetup: "test/temporary.ts",
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
