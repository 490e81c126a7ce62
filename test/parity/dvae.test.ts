import { describe, expect, it } from "vitest";
import { type DvaeConfig, dvaePresets, parseDvaeConfig } from "../../src/dvae/config.ts";
import { encode } from "../../src/dvae/encoder.ts";
import { mapPixels } from "../../src/dvae/pixels.ts";
import { argMax } from "../../src/graph/indexing.ts";
import { slice, transpose } from "../../src/graph/layout.ts";
import { lower } from "../../src/graph/lower.ts";
import type { Value } from "../../src/graph/value.ts";
import { batchInput, createScope, createTrace } from "../../src/nn/scope.ts";
import { evaluate } from "../../src/session/session.ts";
import { float32, sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import { goldenCase, hashValues, worstExcess } from "./golden.ts";

interface Hyper {
  readonly n_hid: number;
  readonly n_blk_per_group: number;
  readonly vocab_size: number;
  readonly image: number;
}

const configOf = ({ image, ...sizes }: Hyper): DvaeConfig => parseDvaeConfig({ ...sizes, image_size: image }, "golden");

/** The encoder on a golden case's pictures; logits come as the original has them, codes first. */
function trace(config: DvaeConfig, batch: number) {
  const traced = createTrace();
  const { numChannels, imageSize } = config;
  const pixels = batchInput(traced, "image01", [batch, numChannels, imageSize, imageSize]);
  const mapped = mapPixels(pixels);
  const logits = encode(createScope(traced), config, mapped);
  const outputs = { mapped, logits: transpose(logits, [0, 3, 1, 2]), tokens: argMax(logits) };
  return { outputs, parameters: traced.parameters };
}

const hyperOf = ({ meta }: ReturnType<typeof goldenCase>) => (meta as unknown as { hyper: Hyper }).hyper;
const variants: Record<string, (outputs: Record<string, Value>) => Record<string, Value>> = {
  "as traced": (outputs) => outputs,
  lowered: (outputs) => lower(outputs),
};

describe.each(Object.entries(variants))("DALL-E's encoder, %s", (_, pass) => {
  it("gives the original's logits and tokens for a tiny model", async () => {
    const golden = goldenCase("dvae_tiny");
    const config = configOf(hyperOf(golden));
    const { outputs, parameters } = trace(config, 2);
    const known = [...golden.weights!].map(([name, { shape }]) => [name, shape]);
    expect([...parameters].map(([name, { shape }]) => [name, shape]).sort()).toEqual(known.sort());
    const feeds = { ...Object.fromEntries(golden.inputs), ...Object.fromEntries(golden.weights!) };
    const { mapped, logits, tokens } = await evaluate(pass(outputs), feeds);
    const expected = (name: string) => golden.expected.get(name)!;
    expect(mapped!.data).toEqual(expected("mapped").data);
    expect(logits!.shape).toEqual(expected("logits").shape);
    expect(worstExcess(logits!.data as Float32Array, expected("logits").data as Float32Array, 1e-4)).toBeLessThan(1e-5);
    expect(tokens!.data).toEqual(expected("token_ids").data);
  });
});

it("DALL-E's encoder at full size gives the original's 196 tokens", async () => {
  const golden = goldenCase("dvae_full_112");
  const config = configOf(hyperOf(golden));
  expect(config).toEqual(dvaePresets.full);
  const { outputs, parameters } = trace(config, 1);
  const feeds: Record<string, Tensor> = Object.fromEntries(golden.inputs);
  for (const [name, { shape }] of parameters) feeds[name] = hashWeights(name, shape);
  const count = [...parameters.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  expect(count).toBe(53_786_240); // golden meta.json, num_parameters
  const { logits, tokens } = await evaluate({ logits: slice(outputs.logits, 1, 0, 64), tokens: outputs.tokens }, feeds);
  const expected = golden.expected.get("logits_first64_codes")!.data as Float32Array;
  expect(worstExcess(logits!.data as Float32Array, expected, 1e-4)).toBeLessThan(1e-4);
  expect(tokens!.data).toEqual(golden.expected.get("token_ids")!.data);
});

/** The case's rule, see its meta.json: '.w' f·√(3 / fan in) with f = 24 for conv_4 and 1.5 otherwise, '.b' 0.25. */
function hashWeights(name: string, shape: readonly number[]): Tensor {
  const factor = name.includes("conv_4") ? 24 : 1.5;
  const scale = name.endsWith(".b") ? 0.25 : factor * Math.sqrt(3 / sizeOf(shape.slice(1)));
  return float32(hashValues(`dvae_full_112:${name}`, sizeOf(shape), scale, 0), shape);
}
