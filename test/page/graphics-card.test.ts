import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadClassifier } from "../../src/evaluate/pipeline.ts";
import { openPrepared, prepareModel } from "../../src/evaluate/prepared.ts";
import { temporaryFolder, writeModel } from "../cli/run.ts";
import { hasChromium, startChromium } from "./chromium.ts";
import { choose, openPage, startService } from "./service.ts";

// WebGPU, by an adapter that computes on the processor: all but the speed is as with a graphics card.

const picture = "examples/portrait.jpg";
const LIMIT_MS = 240_000;

describe.skipIf(!hasChromium())("the page on a graphics card", { timeout: LIMIT_MS }, () => {
  let browser: Browser;
  let service: Awaited<ReturnType<typeof startService>>;
  let page: Page;
  let folder: string;

  beforeAll(async () => {
    folder = await writeModel(join(temporaryFolder(), "small"), { card: "# Small" });
    [browser, service] = await Promise.all([startChromium({ webgpu: true }), startService("fp32", folder)]);
    page = await openPage(browser, service.url);
  }, LIMIT_MS);
  afterAll(async () => {
    await browser?.close();
    await service?.close();
  });

  const about = (of = page) => of.getByRole("button", { name: "About the model" }).click();
  const card = (of = page) => of.getByRole("radio", { name: /its graphics card, in floating point: \d+ ms a picture/ });
  const attempt = (of = page) => of.getByRole("button", { name: "Try the graphics card" }).click();
  const scores = async (of = page) => {
    const text = await of.getByRole("article").locator(".value").allTextContents();
    return text.map((score) => Number.parseFloat(score));
  };

  it("is not loaded for, nor kept, before it is asked for", async () => {
    await page.evaluate(() => navigator.serviceWorker.ready);
    const kept = await page.evaluate(async () => {
      const names = await caches.keys();
      const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
      return requests.flat().map(({ url }) => url);
    });
    expect(kept.some((url) => url.includes("model.onnx"))).toBe(true);
    expect(kept.filter((url) => /asyncify.*wasm|float\.onnx/.test(url))).toEqual([]);
  });

  it("is tried, measured beside the processor, and answers alike when it is chosen", async () => {
    await choose(page, picture);
    await page.getByRole("article").locator(".verdict").waitFor();
    const before = await scores();
    await about();
    await attempt();
    await card().waitFor();
    expect(await page.getByRole("radio", { checked: true }).count()).toBe(1);
    await card().check();
    await page.keyboard.press("Escape");
    await choose(page, picture);
    await page.locator("tbody tr:nth-child(2) .verdict").waitFor();
    const after = await scores();
    expect(after).toEqual(before.map((score) => expect.closeTo(score, 0)));
    const node = await openPrepared(await preparedFiles(folder), { device: "auto" });
    const expected = await node.classify(await readFile(picture));
    await node.close();
    expect(after).toEqual(expected.map(({ score }) => expect.closeTo(100 * score, 0.8))); // shown to 0.1 %
  });

  it("is tried anew at the next visit, where it was used", async () => {
    await page.reload();
    await about();
    await card().waitFor();
  });

  it("says why it cannot be used, and goes on", async () => {
    const context = await browser.newContext({ serviceWorkers: "block" });
    const other = await context.newPage();
    await other.goto(service.url);
    await other.route(/asyncify.*wasm/, (route) => route.abort());
    await about(other);
    await attempt(other);
    await other.getByRole("dialog").getByText("the graphics card cannot be used").waitFor();
    await other.keyboard.press("Escape");
    await choose(other, picture);
    await other.getByRole("article").locator(".verdict").waitFor();
    await context.close();
  });
});

/** Reads the files of a page's model. */
async function preparedFiles(folder: string): Promise<Parameters<typeof openPrepared>[0]> {
  const files = await prepareModel(await loadClassifier(folder), undefined, "small");
  return async (name) => {
    const content = files[name];
    return typeof content === "string" ? new TextEncoder().encode(content) : content;
  };
}
