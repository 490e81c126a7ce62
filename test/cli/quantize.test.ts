import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { quantizedForm } from "../../src/evaluate/quantized.ts";
import { decodeModel } from "../../src/onnx/decode.ts";
import { encodeModel } from "../../src/onnx/encode.ts";
import { sharedFile, shareWeights } from "../../src/onnx/share.ts";
import { beit, jpeg, type Ran, smallConfig, temporaryFolder, writeModel } from "./run.ts";

const cwd = temporaryFolder();
const model = join(cwd, "model");
const file = (name: string) => join(model, "onnx", name);
const scoresOf = ({ stdout }: Ran) =>
  (JSON.parse(stdout) as { predictions: { label: string; score: number }[] }[]).map(
    ({ predictions }) => predictions.find(({ label }) => label === smallConfig.labels[0])!.score,
  );
const predict = (...args: string[]) => beit(["predict", "data", "-m", "model", "--json", ...args], { cwd });

let ran: Ran;
let report: {
  agreement: number;
  pictures: number;
  worst_logit_error: number;
  calibration: Record<string, unknown>;
  parts: { name: string; precision: string; logit_error_alone: number; macs: number }[];
};

beforeAll(async () => {
  await writeModel(model);
  for (const [label, brightness] of [
    ["dark", 40],
    ["light", 215],
  ] as const) {
    mkdirSync(join(cwd, "data", label), { recursive: true });
    for (let i = 0; i < 6; i++)
      writeFileSync(join(cwd, "data", label, `${i}.jpg`), await jpeg(brightness, `${label}${i}`));
  }
  ran = await beit(["quantize", "model", "--calibrate", "data", "--split", "all", "--json"], { cwd });
  report = JSON.parse(ran.stdout || "{}");
});

describe("beit quantize", () => {
  it("writes the model and prints the report that lies beside it", () => {
    expect(ran).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("beit: wrote model/onnx/model_quantized.onnx"),
    });
    expect(ran.stdout).toBe(readFileSync(file("quantization.json"), "utf8"));
    expect(report).toMatchObject({ pictures: 6, calibration: { dataset: "data", split: "all", pictures: 6 } });
    expect(report.parts.map(({ name }) => name)).toEqual([
      "patch embedding",
      ...[0, 1].flatMap((i) =>
        ["query, key, value", "attention output", "feed-forward in", "feed-forward out"].map(
          (part) => `layer ${i} ${part}`,
        ),
      ),
      "classifier",
    ]);
    expect(report.parts[1]!.macs).toBe(3 * 17 * 32 * 32); // 16 patches and [CLS], three products
    for (const { logit_error_alone } of report.parts) expect(logit_error_alone).toBeGreaterThan(0);
  });

  it("the file has signed weights of 7 bits and unsigned activations", () => {
    const { graph, opsets } = decodeModel(readFileSync(file("model_quantized.onnx")), "model_quantized.onnx");
    const products = graph.nodes.filter(({ opType }) => opType === "MatMulIntegerToFloat");
    const weights = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
    const int8 = report.parts.filter(({ precision }) => precision === "int8");
    expect(products.length).toBeGreaterThanOrEqual(int8.length);
    for (const { inputs } of products) {
      const [matrix, activationZero] = [weights.get(inputs[1]!)!, weights.get(inputs[4]!)!];
      expect([matrix.dtype, activationZero.dtype]).toEqual(["int8", "uint8"]);
      for (const value of new Int8Array(matrix.raw)) expect(Math.abs(value)).toBeLessThanOrEqual(64);
    }
    expect(graph.inputs.map(({ name }) => name)).toEqual(["pixel_values"]);
    expect(graph.outputs.map(({ name }) => name)).toEqual(["logits"]);
    expect(opsets.map(({ domain }) => domain).sort()).toEqual(["", "com.microsoft"]);
  });
});

describe("which form predicts", () => {
  it("int8 when it agrees, float32 on demand; both answer alike", async () => {
    const [auto, int8, fp32] = [
      scoresOf(await predict()),
      scoresOf(await predict("--precision", "int8")),
      scoresOf(await predict("--precision", "fp32")),
    ];
    expect(report.agreement).toBe(1);
    expect(auto).toEqual(int8);
    expect(int8).not.toEqual(fp32);
    // A change of two logits by e changes a probability by e / 2 at most; half as much again for other pictures.
    const bound = 1.5 * (report.worst_logit_error / 2);
    for (const [i, score] of int8.entries()) expect(Math.abs(score - fp32[i]!)).toBeLessThan(bound);
  });

  it("is decided by the report, the weights and the file together", async () => {
    const remarks: string[] = [];
    const form = (precision: "auto" | "fp32" | "int8") => quantizedForm(model, precision, (text) => remarks.push(text));
    const bytes = readFileSync(file("model_quantized.onnx"));
    expect(Buffer.compare(Buffer.from((await form("auto"))!), bytes)).toBe(0);
    expect(await form("fp32")).toBeUndefined();
    expect(remarks).toEqual([]);

    const weights = readFileSync(join(model, "model.safetensors"));
    writeFileSync(
      join(model, "model.safetensors"),
      weights.map((byte, i) => (i === weights.length - 1 ? byte ^ 1 : byte)),
    );
    expect(await form("auto")).toBeUndefined();
    expect(remarks.pop()).toBe(
      `${file("model_quantized.onnx")}: was made of other weights; using float32 (beit quantize ${model} --calibrate DATASET makes it anew)`,
    );
    await expect(form("int8")).rejects.toMatchObject({ code: "model/no-int8" });
    writeFileSync(join(model, "model.safetensors"), weights);

    const config = readFileSync(join(model, "config.json"), "utf8");
    writeFileSync(join(model, "config.json"), config.replace(/"beit_save_id": "/, "$&0"));
    expect(await form("auto")).toBeUndefined(); // of a save that was interrupted before its weights
    expect(remarks.pop()).toContain("was made of other weights");
    writeFileSync(join(model, "config.json"), config);

    const text = readFileSync(file("quantization.json"), "utf8");
    writeFileSync(file("quantization.json"), text.replace(/"agreement": 1,/, '"agreement": 0.99,'));
    expect(await form("auto")).toBeUndefined();
    expect(await form("int8")).toBeDefined();
    expect(remarks).toEqual([]);
    for (const broken of ["{}", "no JSON"]) {
      writeFileSync(file("quantization.json"), broken);
      expect(await form("auto")).toBeUndefined();
      expect(remarks.pop()).toContain("is not a report of beit quantize");
    }
    writeFileSync(file("quantization.json"), text);
    writeFileSync(file("model_quantized.onnx"), bytes.subarray(0, 100));
    expect(await form("auto")).toBeUndefined();
    expect(remarks.pop()).toContain("is not the file that");
    const outside = encodeModel(shareWeights(decodeModel(bytes, "int8"), sharedFile(bytes, "weights.bin")));
    writeFileSync(file("model_quantized.onnx"), outside);
    const sha256 = createHash("sha256").update(outside).digest("hex");
    writeFileSync(file("quantization.json"), JSON.stringify({ ...JSON.parse(text), model_sha256: sha256 }));
    expect(await form("auto")).toBeUndefined();
    expect(remarks.pop()).toContain("keeps weights in other files");
    rmSync(join(model, "onnx"), { recursive: true });
    expect(await form("auto")).toBeUndefined();
    expect(remarks).toEqual([]);
  });

  it("says how to make an int8 form that is not there", async () => {
    await writeModel(join(cwd, "bare"));
    const { code, stdout, stderr } = await beit(["predict", "data", "-m", "bare", "--precision", "int8"], { cwd });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      "beit: bare: has no int8 form (onnx/model_quantized.onnx and its report); make it with beit quantize bare --calibrate DATASET\n",
    );
  });
});

describe("what cannot be quantised", () => {
  it("too few pictures, a single file", async () => {
    mkdirSync(join(cwd, "single/dark"), { recursive: true });
    writeFileSync(join(cwd, "single/dark/1.jpg"), await jpeg(40, "x"));
    const few = await beit(["quantize", "bare", "--calibrate", "single", "--split", "all"], { cwd });
    expect(few).toMatchObject({ code: 1, stderr: expect.stringContaining("expected two pictures or more") });
    const single = await beit(["quantize", "bare/model.safetensors", "--calibrate", "data"], { cwd });
    expect(single).toMatchObject({ code: 2, stderr: expect.stringContaining("is a single file") });
  });
});
