import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { shippedModel } from "../../src/evaluate/pipeline.ts";
import type { Precision } from "../../src/evaluate/quantized.ts";
import { listen } from "../../src/platform/http.ts";
import { createService } from "../../src/server/service.ts";

/** `beit serve` on a free port, with its page. */
export async function startService(precision: Precision = "auto", model = shippedModel()) {
  const service = createService({ models: new Map([["face-mask", model]]), precision, workers: 1 });
  const times = { headersTimeoutMs: 10_000, requestTimeoutMs: 60_000, idleTimeoutMs: 60_000 };
  const server = await listen(service.fetch, { host: "127.0.0.1", port: 0, ...times });
  const close = async () => {
    await server.close({ lingerMs: 0, graceMs: 0 });
    await service.close();
  };
  return { url: server.url, close };
}

/** Opens the page and waits for its model. */
export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(90_000); // CI shares its cores
  await page.goto(url);
  await page.getByRole("button", { name: "About the model" }).waitFor();
  return page;
}

/** Gives the page pictures as the chooser would. */
export const choose = (page: Page, files: Parameters<ReturnType<Page["locator"]>["setInputFiles"]>[0]) =>
  page.getByLabel("Pictures", { exact: true }).setInputFiles(files);
