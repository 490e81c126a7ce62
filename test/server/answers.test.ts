import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createExplainer } from "../../src/evaluate/explain.ts";
import { forward } from "../../src/evaluate/forward.ts";
import { loadModel } from "../../src/evaluate/model.ts";
import { pipeline } from "../../src/evaluate/pipeline.ts";
import { preprocess } from "../../src/image/processor.ts";
import { decodeImage, encodeJpeg } from "../../src/platform/decode.ts";
import type { Service } from "../../src/server/service.ts";
import { float32 } from "../../src/tensor/tensor.ts";
import { jpeg, noisyPixels, png } from "../cli/run.ts";
import { errorOf, get, post, postFiles, postPicture, serviceOf, writeModels } from "./service.ts";

interface Row {
  file: string;
  label?: string;
  score?: number;
  predictions?: { label: string; score: number }[];
  explanation?: { method: string; label: string; score: number; heat: number[][]; overlay: string };
  features?: number[];
  error?: string;
  code?: string;
}

let models: Map<string, string>;
let service: Service;
let dark: Uint8Array;
let light: Uint8Array;

beforeAll(async () => {
  models = await writeModels();
  service = serviceOf(models).service;
  [dark, light] = await Promise.all([jpeg(60, "dark"), png(190, "light")]);
});
afterAll(() => service.close());

async function answer(request: Request): Promise<{ model: string; pool?: string; results: Row[] }> {
  const response = await service.fetch(request);
  expect(response.status).toBe(200);
  return response.json() as Promise<{ model: string; results: Row[] }>;
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const inJson = (images: unknown) =>
  post("/v1/classify", JSON.stringify({ images }), { "content-type": "application/json" });

describe("POST /v1/classify", () => {
  it("gives the scores of pipeline()", async () => {
    const classify = await pipeline("image-classification", models.get("small")!);
    const expected = await classify(dark);
    await classify.close();
    const { model, results } = await answer(postPicture("/v1/classify", dark));
    const [best] = expected;
    expect(model).toBe("small");
    expect(results).toEqual([{ file: "picture", label: best!.label, score: best!.score, predictions: expected }]);
  });

  it("takes the same picture in every form", async () => {
    const [raw] = (await answer(postPicture("/v1/classify", dark))).results;
    const forms = [
      postPicture("/v1/classify", dark, { "content-type": "application/octet-stream" }),
      postPicture("/v1/classify", dark, { "content-type": "image/png; charset=whatever" }), // content decides
      postFiles("/v1/classify", { "a.jpg": dark }),
      inJson([{ name: "a.jpg", data: base64(dark) }]),
      inJson([{ data: `data:image/jpeg;base64,${base64(dark)}` }]),
    ];
    for (const request of forms) {
      const { results } = await answer(request);
      expect(results).toEqual([{ ...raw, file: results[0]!.file }]);
    }
  });

  it("answers several in order, each under its name, and the unreadable ones with their own errors", async () => {
    const text = new TextEncoder().encode("no picture at all");
    const files = { "ünï code.jpg": dark, "notes.txt": text, "cut.jpg": dark.subarray(0, 300), "b.png": light };
    const { results } = await answer(postFiles("/v1/classify?top_k=1", files));
    expect(results.map(({ file }) => file)).toEqual(Object.keys(files));
    expect(results[1]).toEqual({
      file: "notes.txt",
      code: "image/not-an-image",
      error: expect.stringMatching(/^is not a picture: expected JPEG, .* begins with 6e 6f 20 70/),
    });
    expect(results[2]).toMatchObject({ code: "image/truncated", error: expect.stringMatching(/^is truncated/) });
    const [first, last] = [results[0]!, results[3]!];
    expect(first.predictions).toHaveLength(1);
    expect(first.score).not.toBe(last.score);
    expect(last.score).toBeCloseTo((await answer(postPicture("/v1/classify", light))).results[0]!.score!, 6);
  });

  it("keeps requests that share a batch apart", async () => {
    const pictures = await Promise.all(Array.from({ length: 24 }, (_, i) => png(20 + 9 * i, `apart ${i}`)));
    const alone: Row[] = [];
    for (const picture of pictures) alone.push((await answer(postPicture("/v1/classify", picture))).results[0]!);
    const together = await Promise.all(pictures.map((picture) => answer(postPicture("/v1/classify", picture))));
    for (const [i, { results }] of together.entries()) {
      expect(results[0]!.label).toBe(alone[i]!.label);
      expect(results[0]!.score).toBeCloseTo(alone[i]!.score!, 6);
    }
    expect(new Set(alone.map(({ score }) => score)).size).toBe(24);
  });
});

describe("POST /v1/classify?explain", () => {
  it.each(["gradient", "rollout"] as const)(
    "%s: map and overlay of the best class, beside the classes",
    async (method) => {
      const [plain] = (await answer(postPicture("/v1/classify", dark))).results;
      const [row] = (await answer(postPicture(`/v1/classify?explain=${method}`, dark))).results;
      const { explanation, ...rest } = row!;
      expect(rest.label).toBe(plain!.label);
      for (const [i, { score }] of plain!.predictions!.entries())
        expect(rest.predictions![i]!.score).toBeCloseTo(score, 5);
      const explainer = await createExplainer(await loadModel(models.get("small")!), method);
      const expected = await explainer.explain(await decodeImage(dark, "dark"));
      await explainer.close();
      expect(explanation).toMatchObject({ method, label: plain!.label, score: rest.score });
      expect(explanation!.heat.map((line) => line.length)).toEqual([4, 4, 4, 4]);
      for (const [i, value] of explanation!.heat.flat().entries()) expect(value).toBeCloseTo(expected.heat[i]!, 3);
      const [, data] = /^data:image\/png;base64,(.*)$/.exec(explanation!.overlay)!;
      const overlay = await decodeImage(Buffer.from(data!, "base64"), "overlay");
      expect([overlay.width, overlay.height]).toEqual([40, 30]);
      expect(overlay.data).not.toEqual((await decodeImage(dark, "dark")).data);
    },
  );

  it("explains the class that is asked for, in a thread, with others' errors in their rows", async () => {
    const threaded = serviceOf(models, { workers: 1 }).service;
    const files = { "a.jpg": dark, "b.jpg": dark.subarray(9), "c.png": light };
    const response = await threaded.fetch(postFiles("/v1/classify?explain=gradient&label=light&top_k=1", files));
    const { results } = (await response.json()) as { results: Row[] };
    await threaded.close();
    expect(results.map(({ file, code }) => code ?? file)).toEqual(["a.jpg", "image/not-an-image", "c.png"]);
    for (const { explanation, predictions } of [results[0]!, results[2]!]) {
      expect([explanation!.label, predictions!.length]).toEqual(["light", 1]);
      expect(Math.max(...explanation!.heat.flat())).toBe(1);
    }
    const { label, score } = results[0]!;
    expect(results[0]!.explanation!.score).toBeCloseTo(label === "light" ? score! : 1 - score!, 6);
  });

  it("draws over a large picture reduced, as long as its pixels are within the limit", async () => {
    const large = await encodeJpeg(noisyPixels(90, "large", [900, 300]), 90);
    const [row] = (await answer(postPicture("/v1/classify?explain=rollout", large))).results;
    const overlay = Buffer.from(row!.explanation!.overlay.split(",")[1]!, "base64");
    const { width, height } = await decodeImage(overlay, "overlay");
    expect([width, height]).toEqual([640, 213]);
    const strict = serviceOf(models, { limits: { maxPixels: 200_000 } }).service;
    expect(await errorOf(strict, postPicture("/v1/classify?explain=rollout", large))).toBe("413 image/too-large");
    await strict.close();
  });
});

describe("POST /v1/features", () => {
  it.each(["small", "encoder"])("gives the pooled outputs of %s", async (name) => {
    const model = await loadModel(models.get(name)!);
    const pixels = new Float32Array(3 * 32 * 32);
    preprocess(await decodeImage(dark, "dark"), model.processor, pixels, 0);
    const { outputs } = await forward(model, new Map([["pixel_values", float32(pixels, [1, 3, 32, 32])]]), {
      outputs: ["last_hidden_state", "pooled_output"],
    });
    const width = model.config.hiddenSize;
    const expected = {
      cls: Array.from(outputs.last_hidden_state!.data as Float32Array).slice(0, width),
      mean: Array.from(outputs.pooled_output!.data as Float32Array), // this model pools by the mean
    };
    const ask = (query: string) => answer(postPicture(`/v1/features?model=${name}${query}`, dark));
    for (const pool of ["cls", "mean"] as const) {
      const { results, pool: told } = await ask(`&pool=${pool}`);
      expect(told).toBe(pool);
      expect(results[0]!.features).toHaveLength(width);
      for (const [i, value] of results[0]!.features!.entries()) expect(value).toBeCloseTo(expected[pool][i]!, 4);
    }
    expect((await ask("")).results[0]!.features).toEqual((await ask("&pool=mean")).results[0]!.features);
  });
});

describe("models", () => {
  it("describes and lists them", async () => {
    const described = async (path: string) => (await service.fetch(get(path))).json();
    expect(await described("/v1/model")).toEqual({
      name: "small",
      task: "classification",
      labels: ["dark", "light"],
      image_size: { height: 32, width: 32 },
      parameters: expect.any(Number),
      features: 32,
      pool: "mean",
    });
    expect(await described("/v1/model?model=encoder")).toMatchObject({ task: "features", labels: [] });
    expect(await described("/v1/models")).toEqual({
      default: "small",
      models: [
        { name: "small", loaded: true },
        { name: "encoder", loaded: true },
      ],
    });
  });

  it("gives way when the memory is full", async () => {
    const small = serviceOf(models, { maxModelBytes: 60 * 2 ** 20 }).service; // room for one
    const loaded = async () => {
      const list = (await (await small.fetch(get("/v1/models"))).json()) as {
        models: { name: string; loaded: boolean }[];
      };
      return list.models.filter((model) => model.loaded).map(({ name }) => name);
    };
    expect((await small.fetch(postPicture("/v1/classify", dark))).status).toBe(200);
    expect(await loaded()).toEqual(["small"]);
    expect((await small.fetch(postPicture("/v1/features?model=encoder", dark))).status).toBe(200);
    expect(await loaded()).toEqual(["encoder"]);
    expect((await small.fetch(postPicture("/v1/classify", dark))).status).toBe(200);
    expect(await loaded()).toEqual(["small"]);
    await small.close();
  });

  it("serves an encoder alone: features, and no page", async () => {
    const { service: alone } = serviceOf(new Map([["encoder", models.get("encoder")!]]));
    expect((await alone.fetch(postPicture("/v1/features", dark))).status).toBe(200);
    const page = await alone.fetch(get("/site.json"));
    expect(page.status).toBe(404);
    expect(await page.json()).toMatchObject({ error: { message: "there is no page: encoder is no classifier" } });
    await alone.close();
  });
});
