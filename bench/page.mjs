// The page in Chromium: time to the first answer from a warm cache, camera frames a second, memory over many pictures.
// node bench/page.mjs [pictures]
import { readdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { shippedModel } from "../dist/evaluate/pipeline.js";
import { listen } from "../dist/platform/http.js";
import { createService } from "../dist/server/service.js";

const count = Number(process.argv[2] ?? 1000);
const CAMERA_MS = 10_000;
const examples = new URL("../examples/", import.meta.url).pathname;
const pictures = readdirSync(examples)
  .filter((name) => name.endsWith(".jpg"))
  .map((name) => examples + name);

const service = createService({ models: new Map([["face-mask", shippedModel()]]), workers: 1 });
const times = { headersTimeoutMs: 10_000, requestTimeoutMs: 60_000 };
const server = await listen(service.fetch, { host: "127.0.0.1", port: 0, ...times });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  chromiumSandbox: false,
  args: [
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--js-flags=--expose-gc",
  ],
});
const page = await browser.newPage();
page.setDefaultTimeout(600_000);
const choose = (files) => page.getByLabel("Pictures", { exact: true }).setInputFiles(files);
const loaded = () => page.getByRole("button", { name: "About the model" }).waitFor();

await page.goto(server.url);
await loaded();
await page.evaluate(() => navigator.serviceWorker.ready);
for (let i = 0; i < 3; i++) {
  const start = performance.now();
  await page.reload();
  await loaded();
  const ready = performance.now();
  await choose([pictures[0]]);
  await page.locator(".about .verdict").waitFor();
  const end = performance.now();
  console.log(`warm cache: model ready after ${(ready - start) | 0} ms, first answer after ${(end - start) | 0} ms`);
}

await page.getByRole("button", { name: "Live camera" }).click();
await page.getByTestId("rate").waitFor();
await page.waitForTimeout(CAMERA_MS);
console.log(`camera: ${await page.getByTestId("rate").textContent()}`);
await page.getByRole("button", { name: "Stop camera" }).click();

/** Resident memory of all processes of the browser, in MB, and what the page's own heap holds, garbage collected. */
const memory = async () => {
  const own = await page.context().newCDPSession(page);
  await own.send("HeapProfiler.collectGarbage");
  const { usedSize } = await own.send("Runtime.getHeapUsage");
  const { nodes } = await own.send("Memory.getDOMCounters");
  await own.detach();
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const { readFileSync } = await import("node:fs");
  const resident = ({ id }) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1] ?? 0);
  const all = Math.round(processInfo.reduce((sum, info) => sum + resident(info), 0) / 1024);
  return `${all} MB, the page's heap ${(usedSize / 2 ** 20).toFixed(1)} MB, ${nodes} nodes`;
};
const start = performance.now();
for (let done = 0; done < count; done += 50) {
  await choose(Array.from({ length: 50 }, (_, i) => pictures[i % pictures.length]));
  await page.locator("tbody tr:nth-child(50) .verdict").waitFor();
  await page.getByRole("button", { name: "Remove all" }).click();
  if ((done / 50) % 4 === 3) console.log(`memory after ${done + 50} pictures: ${await memory()}`);
}
console.log(`${((1000 * count) / (performance.now() - start)).toFixed(1)} pictures a second`);

await browser.close();
await server.close({ lingerMs: 0, graceMs: 0 });
await service.close();
