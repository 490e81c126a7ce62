import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type DvaeConfig, dvaePresets } from "../dvae/config.ts";
import { initialDvaeValues } from "../dvae/init.ts";
import { dvaeShapes } from "../dvae/outputs.ts";
import { loadTokenizer, saveTokenizer } from "./tokenizer.ts";
import { createTokenizer } from "./tokens.ts";

const fixtures = new URL("../../test/fixtures/dall_e/", import.meta.url).pathname;
const folder = () => mkdtempSync(join(tmpdir(), "beit-tokenizer-"));

/** What make.py pickles. */
const pickled: DvaeConfig = { ...dvaePresets.full, hiddenSize: 4, blocksPerGroup: 1, vocabSize: 8 };

/** make.py fills parameter k with k + j / 1000, in the order in which the modules are made. */
function expectFilled(data: Float32Array, k: number): void {
  const expected = Float32Array.from({ length: data.length }, (_, j) => k + j / 1000);
  expect(data).toEqual(expected);
}

describe("DALL-E's published files", () => {
  it.each(["encoder.pkl", "encoder-legacy.pkl"])("reads the encoder of %s", async (file) => {
    const { config, parts, parameters } = await loadTokenizer(fixtures + file);
    expect(config).toEqual(pickled);
    expect(parts).toEqual(["encoder"]);
    expect(parameters.size).toBe(2 + 4 * 8 + 3 * 2 + 2); // input, four blocks of four, three projections, output
    expect(parameters.get("encoder.blocks.input.w")!.shape).toEqual([4, 3, 7, 7]);
    expectFilled(parameters.get("encoder.blocks.input.w")!.data, 0);
    expectFilled(parameters.get("encoder.blocks.group_1.block_1.res_path.conv_1.w")!.data, 2);
    expectFilled(parameters.get("encoder.blocks.group_2.block_1.id_path.w")!.data, 10);
    expectFilled(parameters.get("encoder.blocks.output.conv.b")!.data, 41);
  });

  it("reads a folder with both files", async () => {
    const place = folder();
    for (const file of ["encoder.pkl", "decoder.pkl"]) copyFileSync(fixtures + file, join(place, file));
    const { config, parts, parameters } = await loadTokenizer(place);
    expect(config).toEqual({ ...pickled, codeSize: 8 });
    expect(parts).toEqual(["encoder", "decoder"]);
    expect(parameters.get("decoder.blocks.input.w")!.shape).toEqual([8, 8, 1, 1]);
    expectFilled(parameters.get("decoder.blocks.output.conv.w")!.data, 42);
  });

  it("still refuses other classes by name", async () => {
    const file = join(folder(), "encoder.pkl");
    const bytes = readFileSync(`${fixtures}encoder.pkl`);
    const at = bytes.indexOf("dall_e.utils\nConv2d");
    bytes.write("dall_e.utils\nEvil2d", at, "latin1");
    writeFileSync(file, bytes);
    await expect(loadTokenizer(file)).rejects.toMatchObject({
      code: "checkpoint/forbidden-global",
      message: expect.stringContaining("dall_e.utils.Evil2d"),
    });
  });

  it("cannot be turned back into pictures without the decoder", async () => {
    const tokenizer = createTokenizer(await loadTokenizer(`${fixtures}encoder.pkl`));
    await expect(tokenizer.reconstruct(new BigInt64Array(196))).rejects.toMatchObject({ code: "model/no-decoder" });
  });
});

describe("a tokenizer's folder", () => {
  const config: DvaeConfig = { ...dvaePresets.tiny, imageSize: 16, hiddenSize: 4, vocabSize: 16, codeSize: 8 };
  const parameters = initialDvaeValues(dvaeShapes(config), 1);

  it("comes back as it was written", async () => {
    const place = folder();
    await saveTokenizer(place, { config, parameters });
    expect(JSON.parse(readFileSync(join(place, "config.json"), "utf8"))).toMatchObject({
      model_type: "dall_e_dvae",
      image_size: 16,
      n_hid: 4,
    });
    const loaded = await loadTokenizer(place);
    expect(loaded.config).toEqual(config);
    expect([...loaded.parameters]).toEqual([...parameters]);
  });

  it("turns pictures into tokens and tokens into pictures, any number at a time", async () => {
    const tokenizer = createTokenizer(
      { name: "fresh", config, parameters, parts: ["encoder", "decoder"] },
      { threads: 1 },
    );
    const two = Float32Array.from({ length: 2 * 3 * 16 * 16 }, (_, i) => ((i * 37) % 256) / 255);
    const tokens = await tokenizer.visualTokens(two);
    expect(tokens).toHaveLength(2 * 2 * 2);
    expect([...tokens].every((token) => token >= 0n && token < 16n)).toBe(true);
    expect(await tokenizer.visualTokens(two.subarray(3 * 16 * 16))).toEqual(tokens.subarray(4));
    const pictures = await tokenizer.reconstruct(tokens);
    expect(pictures).toHaveLength(two.length);
    expect(pictures.every((value) => value >= 0 && value <= 1)).toBe(true);
    await expect(tokenizer.visualTokens(two.subarray(1))).rejects.toThrow("are not samples of [3,16,16]");
    await tokenizer.close();
  });

  it("is refused where it is of another family, or nothing at all", async () => {
    const place = folder();
    await expect(loadTokenizer(place)).rejects.toMatchObject({ code: "model/not-tokenizer" });
    await expect(loadTokenizer(join(place, "absent"))).rejects.toMatchObject({ code: "model/missing" });
    await saveTokenizer(place, { config, parameters });
    writeFileSync(join(place, "config.json"), '{"model_type":"beit"}');
    await expect(loadTokenizer(place)).rejects.toMatchObject({
      code: "model/not-tokenizer",
      message: expect.stringContaining('model_type is "beit", expected "dall_e_dvae"'),
    });
  });
});
