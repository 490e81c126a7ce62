import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createEngine } from "../../src/platform/engine.ts";
import { beit, temporaryFolder } from "./run.ts";

it("page: a folder with the list of its files, whose heat-map graph reads the model's bytes", async () => {
  const site = join(temporaryFolder(), "site");
  const first = await beit(["page", "-o", site]);
  expect(first).toMatchObject({ code: 0, stdout: "" });
  const { version, files } = JSON.parse(readFileSync(join(site, "site.json"), "utf8"));
  expect(version).toMatch(/^[0-9a-f]{16}$/);
  const paths = files.map(({ path }: { path: string }) => path);
  expect(paths).toEqual(expect.arrayContaining(["model/model.onnx", "model/explain.onnx", "model/README.md"]));
  for (const { path, bytes } of files) expect(statSync(join(site, path)).size, path).toBe(bytes);

  const [explain, model] = ["explain", "model"].map((name) => readFileSync(join(site, `model/${name}.onnx`)));
  expect(explain!.length).toBeLessThan(model!.length / 8); // most weights are references
  const engine = await createEngine(explain!, { externalData: { "model.onnx": model! } });
  const feeds = {
    pixel_values: {
      dtype: "float32" as const,
      shape: [1, 3, 224, 224],
      data: new Float32Array(3 * 224 * 224).fill(0.5),
    },
    class: { dtype: "float32" as const, shape: [1, 2], data: Float32Array.of(1, 0) },
  };
  const { heat } = await engine.run(feeds);
  await engine.release();
  expect(heat!.shape).toEqual([14, 14]);
  expect((heat!.data as Float32Array).some((value) => value > 0)).toBe(true);

  expect((await beit(["page", "-o", site])).code).toBe(0); // an older page is replaced
});

it.each([
  ["something else", ["letter.txt"]],
  ["a repository", [".git"]],
  ["an older page and more", ["site.json", "index.html", "CNAME"]],
])("page: leaves a folder alone that holds %s", async (_, names) => {
  const folder = join(temporaryFolder(), "mine");
  mkdirSync(folder);
  for (const name of names) writeFileSync(join(folder, name), "dear");
  const { code, stderr } = await beit(["page", "-o", folder]);
  expect(code).toBe(1);
  expect(stderr).toContain("holds more than a page written by beit");
  for (const name of names) expect(readFileSync(join(folder, name), "utf8")).toBe("dear");
});
