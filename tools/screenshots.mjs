// Pictures of the page for the documentation, made from examples/: node tools/screenshots.mjs [folder]
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { shippedModel } from "../dist/evaluate/pipeline.js";
import { listen } from "../dist/platform/http.js";
import { createService } from "../dist/server/service.js";

const folder = process.argv[2] ?? new URL("../docs/screenshots/", import.meta.url).pathname;
const examples = new URL("../examples/", import.meta.url).pathname;
const pictures = readdirSync(examples)
  .filter((name) => name.endsWith(".jpg"))
  .map((name) => join(examples, name));
const wide = { width: 1200, height: 760 };
const portrait = join(examples, "portrait-surgical-mask.jpg");
const broken = join(tmpdir(), "not-a-picture.jpg");
writeFileSync(broken, "a text that somebody named .jpg\n");

const heat = async (page) => {
  await page.getByRole("button", { name: "Show what it looked at" }).click();
  await page.locator("canvas.heat").waitFor();
};

const shots = [
  { name: "empty", view: { viewport: wide } },
  { name: "heat-map", view: { viewport: wide }, files: [portrait], after: heat },
  { name: "table", view: { viewport: wide }, files: pictures },
  { name: "error", view: { viewport: wide }, files: [broken] },
  {
    name: "phone",
    view: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
    files: [portrait],
    after: heat,
  },
  { name: "dark", view: { viewport: wide, colorScheme: "dark" }, files: pictures, after: heat },
];

mkdirSync(folder, { recursive: true });
const service = createService({ models: new Map([["face-mask", shippedModel()]]) });
const times = { headersTimeoutMs: 10_000, requestTimeoutMs: 60_000 };
const server = await listen(service.fetch, { host: "127.0.0.1", port: 0, ...times });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  chromiumSandbox: false,
  args: ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
});
try {
  for (const { name, view, files = [], after } of shots) {
    const context = await browser.newContext(view);
    const page = await context.newPage();
    await page.goto(server.url);
    await page.getByRole("button", { name: "About the model" }).waitFor({ timeout: 120_000 });
    if (files.length > 0) {
      await page.getByLabel("Pictures", { exact: true }).setInputFiles(files);
      await page
        .locator(files.length > 1 ? `tbody tr:nth-child(${files.length}) .verdict` : ".about .verdict, .about .error")
        .waitFor();
    }
    await after?.(page);
    await page.screenshot({ path: join(folder, `${name}.png`) });
    await context.close();
    console.log(join(folder, `${name}.png`));
  }
} finally {
  await browser.close();
  await server.close({ lingerMs: 0, graceMs: 1000 });
  await service.close();
}
