import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pipeline } from "../../src/evaluate/pipeline.ts";
import type { ClassScore } from "../../src/evaluate/scores.ts";
import { decodeImage } from "../../src/platform/decode.ts";
import { beit } from "../cli/run.ts";
import type { Api } from "./app/main.ts";
import { type FolderServer, hasChromium, serveFolders, startChromium } from "./chromium.ts";
import { writePictures } from "./pictures.ts";
import { choose, openPage, startService } from "./service.ts";

// One score everywhere: the package in a bundle and in Node, HTTP, the command line and the page.

declare const api: Api;

const LIMIT_MS = 240_000;

/** Difference of the logits of the two classes, which is what their scores tell: both within 1e-4 keep it within 2e-4. */
const logOdds = (scores: readonly ClassScore[]): number => {
  const [yes, no] = ["with_mask", "without_mask"].map((label) => scores.find((entry) => entry.label === label)!.score);
  return Math.log(yes! / no!);
};
const probability = (scores: readonly ClassScore[]) => scores.find(({ label }) => label === "with_mask")!.score;

describe.skipIf(!hasChromium())("agreement", () => {
  let browser: Browser;
  let server: FolderServer;
  let page: Page;
  let app: string;
  let pictures: Awaited<ReturnType<typeof writePictures>>;

  beforeAll(async () => {
    app = await mkdtemp(join(tmpdir(), "beit-app-"));
    [browser, pictures] = await Promise.all([startChromium(), writePictures()]);
    await build({
      root: "test/page/app",
      configFile: false,
      logLevel: "error",
      build: { outDir: app, emptyOutDir: true },
    });
    server = await serveFolders({ "": app, models: "models", pictures: pictures.folder }, true);
    page = await browser.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    await page.goto(server.url);
  }, LIMIT_MS);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const inBrowser = (precision: "fp32" | "int8", from = page) =>
    from.evaluate(
      async ([names, precision]) => {
        const classify = await api.pipeline("image-classification", "/models/face-mask", { precision });
        const answers = await classify(names.map((name) => `/pictures/${name}`));
        await classify.close();
        return answers;
      },
      [pictures.names, precision] as const,
    );
  const inNode = async (precision: "fp32" | "int8") => {
    const classify = await pipeline("image-classification", undefined, { precision });
    const answers = await classify(pictures.names.map((name) => join(pictures.folder, name)));
    await classify.close();
    return answers;
  };

  it("no Node file reaches a bundle", async () => {
    const chunks = (await readdir(join(app, "assets"))).filter((name) => name.endsWith(".js"));
    const texts = await Promise.all(chunks.map((name) => readFile(join(app, "assets", name), "utf8")));
    const own = texts.filter((_, i) => !chunks[i]!.startsWith("ort.") && !chunks[i]!.startsWith("decode-"));
    expect(own.length).toBeGreaterThan(0);
    for (const text of own) expect(text).not.toMatch(/"node:|browser-external|onnxruntime-node|"sharp"/);
  });

  it("decodes the same bits as Node", async () => {
    const urls = pictures.names.map((name) => `/pictures/${name}`);
    const found = await page.evaluate((all) => Promise.all(all.map((url) => api.pixelsDigest(url))), urls);
    for (const [i, name] of pictures.names.entries()) {
      const { width, height, data } = await decodeImage(await readFile(join(pictures.folder, name)), name);
      const expected = `${width}x${height} ${createHash("sha256").update(data).digest("hex")}`;
      expect(found[i], name).toBe(expected);
    }
  });

  it(
    "float32 logits agree within 1e-4: bundle, library, command line, HTTP",
    async () => {
      const [bundle, library] = [await inBrowser("fp32"), await inNode("fp32")];
      const paths = pictures.names.map((name) => join(pictures.folder, name));
      const { stdout } = await beit(["predict", ...paths, "--precision", "fp32", "--format", "json"]);
      const command = JSON.parse(stdout) as { path: string; predictions: ClassScore[] }[];
      const service = await startService("fp32");
      const form = new FormData();
      for (const path of paths) form.append("files", new Blob([await readFile(path)]), path);
      const response = await fetch(`${service.url}/v1/classify`, { method: "POST", body: form });
      const { results } = (await response.json()) as { results: { predictions: ClassScore[] }[] };
      await service.close();
      for (const [i, name] of pictures.names.entries()) {
        const expected = logOdds(library[i]!);
        for (const [where, scores] of Object.entries({
          bundle: bundle[i]!,
          command: command[i]!.predictions,
          http: results[i]!.predictions,
        })) {
          expect(Math.abs(logOdds(scores) - expected), `${name}, ${where}`).toBeLessThan(2e-4);
        }
      }
    },
    LIMIT_MS,
  );

  // A picture near the tie may differ by more: docs/numerics.md, "In a browser".
  it(
    "int8 labels are equal and scores agree within 1e-3: bundle, library, page",
    async () => {
      const [bundle, library] = [await inBrowser("int8"), await inNode("int8")];
      const service = await startService("int8");
      const tab = await openPage(browser, service.url);
      await choose(
        tab,
        pictures.names.map((name) => join(pictures.folder, name)),
      );
      await tab.locator(`tbody tr:nth-child(${pictures.names.length}) .verdict`).waitFor();
      const [download] = await Promise.all([
        tab.waitForEvent("download"),
        tab.getByRole("button", { name: "Export JSON" }).click(),
      ]);
      const { results } = JSON.parse(await readFile(await download.path(), "utf8"));
      await tab.context().close();
      await service.close();
      const differences = pictures.names.map((name, i) => {
        const onPage = results.find(({ file }: { file: string }) => file === name).predictions as ClassScore[];
        const expected = probability(library[i]!);
        for (const scores of [bundle[i]!, onPage]) {
          expect(scores[0]!.label, name).toBe(library[i]![0]!.label);
        }
        expect(probability(onPage), name).toBeCloseTo(probability(bundle[i]!), 6); // the same code in the same browser
        return Math.abs(probability(onPage) - expected);
      });
      console.info(`int8, browser against Node: at most ${Math.max(...differences).toFixed(4)} of a score`);
      expect(Math.max(...differences)).toBeLessThan(1e-3);
    },
    LIMIT_MS,
  );

  it(
    "every form of a picture gives one answer, in one thread too, and by WebGPU where that fails",
    async () => {
      const plain = await serveFolders({ "": app, models: "models", pictures: pictures.folder }, false);
      const other = await browser.newPage();
      await other.goto(plain.url);
      const found = await other.evaluate(async () => {
        const gpu = { requestAdapter: async () => ({}) }; // an adapter that cannot do anything
        Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
        const classify = await api.pipeline("image-classification", "/models/face-mask", {
          precision: "fp32",
          device: "auto",
        });
        return { isolated: crossOriginIsolated, forms: await api.everyForm(classify, "/pictures/size-641x479.png") };
      });
      await other.close();
      await plain.close();
      expect(found.isolated).toBe(false);
      const classify = await pipeline("image-classification", undefined, { precision: "fp32" });
      const expected = logOdds(await classify(join(pictures.folder, "size-641x479.png")));
      await classify.close();
      expect(Object.keys(found.forms)).toHaveLength(9);
      for (const [form, scores] of Object.entries(found.forms)) {
        const tolerance = form === "frame" ? 0.05 : 2e-4; // a frame's colours have been through YUV in some browsers
        expect(Math.abs(logOdds(scores) - expected), form).toBeLessThan(tolerance);
      }
    },
    LIMIT_MS,
  );
});
