import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeJpeg } from "../../src/platform/decode.ts";
import { beit, temporaryFolder } from "../cli/run.ts";
import { hasChromium, serveFolders, startChromium } from "./chromium.ts";
import { choose, openPage, startService } from "./service.ts";

// The page that `beit serve` serves, in a real browser, in the hands of somebody.

const example = (name: string) => `examples/${name}.jpg`;
const six = ["close-up-respirator", "close-up", "distant-cloth-mask", "hand", "portrait-surgical-mask", "portrait"];

describe.skipIf(!hasChromium())("page", () => {
  let browser: Browser;
  let service: Awaited<ReturnType<typeof startService>>;
  let page: Page;

  beforeAll(async () => {
    [browser, service] = await Promise.all([startChromium(), startService()]);
    page = await openPage(browser, service.url);
  });
  afterAll(async () => {
    await browser?.close();
    await service?.close();
  });

  const row = (name: string) => page.getByRole("row").filter({ hasText: `${name}.jpg` });
  const verdicts = (of = page) => of.locator("tbody .verdict").allTextContents();

  it("loads, runs isolated, says that nothing is uploaded and what the model is", async () => {
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    await page.getByText("Nothing is uploaded.").waitFor();
    await page.getByRole("button", { name: "About the model" }).click();
    const dialog = page.getByRole("dialog");
    expect(await dialog.getByText("5.5 million").isVisible()).toBe(true);
    expect(await dialog.getByRole("heading", { name: /limits/i }).count()).toBeGreaterThan(0); // of the card
    expect(await dialog.getByRole("cell", { name: "without_mask" }).first().textContent()).toBe("without_mask");
    expect(await dialog.locator(".markdown").textContent()).not.toMatch(/\\_|\]\(/); // escapes, links
    await page.keyboard.press("Escape");
    expect(await dialog.isVisible()).toBe(false);
  });

  it("classifies a picture and explains it without a single request", async () => {
    await page.evaluate(() => navigator.serviceWorker.ready); // it has kept the whole site then
    const requests: string[] = [];
    const listen = (request: { url(): string }) => requests.push(request.url());
    page.context().on("request", listen);
    await choose(page, example("portrait-surgical-mask"));
    const card = page.getByRole("article");
    await card.locator(".verdict").waitFor();
    expect(await card.locator(".verdict").textContent()).toBe("with mask");
    expect(await card.locator(".value").allTextContents()).toEqual(["99.3 %", "0.7 %"]);

    await card.getByRole("button", { name: "Show what it looked at" }).click();
    await card.getByRole("img", { name: /Heat-map/ }).waitFor();
    page.context().off("request", listen);
    expect(requests.filter((url) => !url.startsWith("blob:"))).toEqual([]);
  });

  it("lays a heat-map over the picture that is coloured in some places and not in others", async () => {
    const spread = await page.locator("canvas.heat").evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      const colour = Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]! - data[4 * i + 2]!);
      return Math.max(...colour.filter((_, i) => i % 97 === 0)) - Math.min(...colour.filter((_, i) => i % 97 === 0));
    });
    expect(spread).toBeGreaterThan(60);
  });

  it("makes a table of many pictures, which sorts and filters", async () => {
    await page.reload();
    await choose(page, six.map(example));
    await page.locator("tbody tr:nth-child(6) .verdict").waitFor();
    const [masked, bare] = ["with mask", "without mask"];
    expect(await verdicts()).toEqual([masked, bare, masked, bare, masked, bare]);
    const scores = page.getByRole("columnheader", { name: "with mask" });
    await scores.getByRole("button").click();
    expect(await scores.getAttribute("aria-sort")).toBe("ascending");
    const names = () => page.locator("tbody th").allTextContents();
    expect((await names())[0]).toBe("close-up.jpg");
    await scores.getByRole("button").click();
    expect((await names())[0]).toBe("portrait-surgical-mask.jpg");
    await page.getByRole("slider", { name: /Threshold/ }).fill("0.1"); // the bare ones are less than 0.15 from it
    await page.getByLabel("Filter by answer").selectOption("unsure");
    expect((await names()).sort()).toEqual(["close-up.jpg", "hand.jpg", "portrait.jpg"]);
    await page.getByLabel("Filter by answer").selectOption("");
    await page.getByRole("slider", { name: /Threshold/ }).fill("0.5");
    await page.getByLabel("Filter by name").fill("close");
    expect((await names()).sort()).toEqual(["close-up-respirator.jpg", "close-up.jpg"]);
    await page.getByLabel("Filter by name").fill("");
  });

  it("answers by the threshold and its band, as they are moved", async () => {
    await page.getByRole("slider", { name: /Unsure band/ }).fill("0");
    expect(await row("portrait").last().locator(".verdict").textContent()).toBe("without mask");
    expect(await page.locator("tbody .verdict.no").count()).toBe(3);
    await page.getByRole("slider", { name: /Threshold/ }).fill("0.99"); // only the surgical mask is surer than that
    expect(await row("close-up-respirator").last().locator(".verdict").textContent()).toBe("without mask");
    expect(await page.locator("tbody .verdict.no").count()).toBe(5);
    await page.getByRole("slider", { name: /Threshold/ }).fill("0.5");
    await page.getByRole("slider", { name: /Unsure band/ }).fill("0.15");
  });

  it("exports what the table shows as CSV and JSON", async () => {
    const exported = async (name: string) => {
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
      return readFile(await download.path(), "utf8");
    };
    const csv = (await exported("Export CSV")).trimEnd().split("\r\n");
    expect(csv[0]).toBe("file,answer,with_mask,without_mask,error");
    expect(csv).toHaveLength(7);
    expect(csv[1]).toMatch(/^portrait-surgical-mask\.jpg,with_mask,0\.99\d+,0\.00\d+,$/);
    const { rule, results } = JSON.parse(await exported("Export JSON"));
    expect(rule).toEqual({ label: "with_mask", threshold: 0.5, band: 0.15 });
    expect(results.map(({ file }: { file: string }) => file)).toHaveLength(6);
  });

  it("says what is wrong with a picture and goes on with the others", async () => {
    const whole = await readFile(example("portrait"));
    const files = [
      { name: "text.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture at all") },
      { name: "cut.jpg", mimeType: "image/jpeg", buffer: whole.subarray(0, whole.length / 2) },
      { name: "empty.png", mimeType: "image/png", buffer: Buffer.alloc(0) },
      { name: "good.jpg", mimeType: "image/jpeg", buffer: await readFile(example("close-up")) },
    ];
    await page.getByRole("button", { name: "Remove all" }).click();
    await choose(page, files);
    await row("good").locator(".verdict").waitFor();
    expect(await verdicts()).toEqual(["error", "error", "error", "without mask"]);
    expect(await page.getByRole("alert").textContent()).toMatch(/is not a picture/);
    await page.getByRole("button", { name: "cut.jpg" }).click();
    expect(await page.getByRole("alert").textContent()).toMatch(/truncated or damaged/);
    await page.getByRole("button", { name: "empty.png" }).click();
    expect(await page.getByRole("alert").textContent()).toMatch(/empty \(0 bytes\)/);
  });

  it("takes pictures that are pasted and dropped", async () => {
    await page.getByRole("button", { name: "Remove all" }).click();
    const bytes = [...(await readFile(example("close-up")))];
    for (const type of ["paste", "drop"]) {
      await page.evaluate(
        ([kind, content]) => {
          const data = new DataTransfer();
          data.items.add(new File([Uint8Array.from(content as number[])], `${kind}.jpg`, { type: "image/jpeg" }));
          const event =
            kind === "paste"
              ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
              : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
          document.body.dispatchEvent(event);
        },
        [type, bytes] as const,
      );
    }
    await page.locator("tbody tr:nth-child(2) .verdict").waitFor();
    expect(await page.locator("tbody th").allTextContents()).toEqual(["paste.jpg", "drop.jpg"]);
    await page.getByRole("button", { name: "Remove all" }).click();
  });

  it("classifies what the camera sees, until it is stopped, and keeps a frame", async () => {
    await page.getByRole("button", { name: "Live camera" }).click();
    const camera = page.getByRole("region", { name: "Live camera" });
    await camera.getByTestId("rate").waitFor();
    await expect
      .poll(async () => Number.parseFloat((await camera.getByTestId("rate").textContent())!))
      .toBeGreaterThan(0);
    await camera.getByRole("button", { name: "Keep this picture" }).click();
    await page.getByRole("article", { name: "camera 1.png" }).locator(".verdict").waitFor();
    await page.getByRole("button", { name: "Stop camera" }).click();
    expect(await camera.count()).toBe(0);
  });

  it("switches the camera off when something fails, and says what", async () => {
    const visit = await browser.newPage();
    await visit.addInitScript(() => {
      const media = navigator.mediaDevices;
      const open = media.getUserMedia.bind(media);
      media.getUserMedia = async (constraints) => {
        const stream = await open(constraints);
        Object.assign(window, { tracks: stream.getTracks() });
        return stream;
      };
    });
    await visit.goto(service.url);
    await visit.getByRole("button", { name: "About the model" }).waitFor();
    await visit.getByRole("button", { name: "Live camera" }).click();
    await visit.getByTestId("rate").waitFor();
    const states = () =>
      visit.evaluate(() =>
        (window as unknown as { tracks: MediaStreamTrack[] }).tracks.map((track) => track.readyState),
      );
    expect(await states()).toEqual(["live"]);
    await visit.evaluate(() => {
      window.createImageBitmap = () => Promise.reject(new Error("the frame is lost"));
    });
    const alert = visit.getByRole("alert").filter({ hasText: "The camera cannot be used: the frame is lost." });
    await alert.waitFor();
    expect(await states()).toEqual(["ended"]);
    await alert.getByRole("button", { name: "Close" }).click();
    expect(await alert.count()).toBe(0);
    await visit.close();
  });

  it("stops working on pictures that are removed", async () => {
    const visit = await browser.newPage();
    await visit.addInitScript(() => {
      const post = Worker.prototype.postMessage as (...values: unknown[]) => void;
      Object.assign(window, { asked: 0 });
      Worker.prototype.postMessage = function (this: Worker, ...values: unknown[]) {
        const { kind } = values[0] as { kind?: string };
        if (kind === "classify") (window as unknown as { asked: number }).asked++;
        post.apply(this, values);
      };
    });
    await visit.goto(service.url);
    await visit.getByRole("button", { name: "About the model" }).waitFor();
    const bytes = await readFile(example("portrait"));
    const many = Array.from({ length: 60 }, (_, i) => ({ name: `${i}.jpg`, mimeType: "image/jpeg", buffer: bytes }));
    await choose(visit, many);
    await visit.locator("tbody tr:nth-child(1) .verdict").waitFor();
    await visit.getByRole("button", { name: "Remove all" }).click();
    await choose(visit, example("close-up"));
    await visit.getByRole("article", { name: "close-up.jpg" }).locator(".verdict").waitFor();
    const asked = await visit.evaluate(() => (window as unknown as { asked: number }).asked);
    expect(asked).toBeGreaterThan(1);
    expect(asked).toBeLessThan(61);
    await visit.close();
  });

  it("works by keyboard alone", async () => {
    await page.reload();
    await page.getByRole("button", { name: "About the model" }).waitFor();
    const focused = () => page.evaluate(() => document.activeElement?.textContent);
    const tabTo = async (name: string) => {
      for (let i = 0; i < 40 && (await focused()) !== name; i++) await page.keyboard.press("Tab");
      expect(await focused()).toBe(name);
    };
    const chooser = page.waitForEvent("filechooser"); // before the keys: the browser is told of it meanwhile
    await tabTo("Choose pictures");
    await page.keyboard.press("Enter");
    await (await chooser).setFiles([example("close-up"), example("portrait")]);
    await page.locator("tbody tr:nth-child(2) .verdict").waitFor();
    expect(await page.getByRole("status").textContent()).toBe("2 pictures answered");
    await tabTo("portrait.jpg");
    await page.keyboard.press("Enter");
    await page.getByRole("article", { name: "portrait.jpg" }).waitFor();
    const slider = page.getByRole("slider", { name: /Threshold/ });
    await slider.focus();
    await page.keyboard.press("ArrowRight");
    expect(await slider.inputValue()).toBe("0.51");
    await tabTo("Show what it looked at");
    await page.keyboard.press("Enter");
    await page.getByRole("img", { name: /Heat-map/ }).waitFor();
  });

  it("fits a narrow screen, offers its camera for photographs, and works from the cache without a network", async () => {
    const phone = await openPage(browser, service.url, {
      viewport: { width: 360, height: 740 },
      isMobile: true,
      hasTouch: true,
    });
    await phone.evaluate(() => navigator.serviceWorker.ready);
    await phone.context().setOffline(true);
    await phone.reload();
    await phone.getByRole("button", { name: "About the model" }).waitFor();
    expect(await phone.getByRole("button", { name: "Take a photo" }).isVisible()).toBe(true);
    expect(await phone.getByLabel("Photo").getAttribute("capture")).toBe("environment");
    await choose(phone, [example("portrait-surgical-mask"), example("close-up")]);
    await phone.locator("tbody tr:nth-child(2) .verdict").waitFor();
    expect(await verdicts(phone)).toEqual(["with mask", "without mask"]);
    const overflow = await phone.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    await phone.context().close();
  });

  it("says so where it has one thread only, and has more from the second visit on", async () => {
    const site = join(temporaryFolder(), "site");
    expect((await beit(["page", "-o", site])).code).toBe(0);
    const host = await serveFolders({ "": site, assets: join(site, "assets"), model: join(site, "model") }, false);
    const visit = await openPage(browser, host.url);
    expect(await visit.getByTestId("one-thread").count()).toBe(1);
    await visit.evaluate(() => navigator.serviceWorker.ready);
    await visit.reload();
    await visit.getByRole("button", { name: "About the model" }).waitFor();
    expect(await visit.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(await visit.getByTestId("one-thread").count()).toBe(0);
    await visit.context().close();
    await host.close();
  });

  it("sees a new model under the same address", async () => {
    const site = join(temporaryFolder(), "site");
    expect((await beit(["page", "-o", site])).code).toBe(0);
    const host = await serveFolders({ "": site, assets: join(site, "assets"), model: join(site, "model") }, true);
    const visit = await openPage(browser, host.url);
    await visit.evaluate(() => navigator.serviceWorker.ready);
    const parameters = async (): Promise<string> => {
      await visit.getByRole("button", { name: "About the model" }).click();
      return (await visit.getByRole("dialog").textContent())!;
    };
    expect(await parameters()).toContain("5.5 million");
    const change = async (name: string, changes: object) => {
      const path = join(site, name);
      await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...changes }));
    };
    await change("model/about.json", { parameters: 7_000_000 });
    await change("site.json", { version: "another" });
    await visit.reload();
    expect(await parameters()).toContain("7.0 million");
    await visit.context().close();
    await host.close();
  });

  it("takes a picture of one pixel and a large one", async () => {
    const tiny = await encodeJpeg({ width: 1, height: 1, data: new Uint8Array(3) }, 90);
    const large = await encodeJpeg({ width: 3001, height: 2003, data: new Uint8Array(3001 * 2003 * 3).fill(99) }, 90);
    const files = [tiny, large].map((bytes, i) => {
      return { name: `size-${i}.jpg`, mimeType: "image/jpeg", buffer: Buffer.from(bytes) };
    });
    await choose(page, files);
    await row("size-1").locator(".verdict").waitFor();
    expect(await row("size-0").locator(".verdict").textContent()).not.toBe("error");
  });
});
