import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { asDType } from "../../src/checkpoint/dtype.ts";
import { parseSafetensors, serializeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { forward as runModel } from "../../src/evaluate/forward.ts";
import { loadModel } from "../../src/evaluate/model.ts";
import type { DataOf, Tensor } from "../../src/tensor/tensor.ts";
import { goldenCase, goldenCases, goldenFolder, relativeError, worstExcess } from "../parity/golden.ts";
import { beit, temporaryFolder, writeModel } from "./run.ts";

const cwd = temporaryFolder();
const folderOf = (name: string) => join(goldenFolder, name);

let runs = 0;
/** Runs `beit forward` on tensors. */
async function forward(model: string, inputs: ReadonlyMap<string, Tensor>, ...args: string[]) {
  const [input, output] = [join(cwd, `in-${++runs}.safetensors`), join(cwd, `out-${runs}.safetensors`)];
  writeFileSync(input, Buffer.concat(serializeSafetensors(inputs)));
  const ran = await beit(["forward", model, input, output, ...args]);
  const tensors = existsSync(output) ? parseSafetensors(readFileSync(output), output).tensors : undefined;
  return { ...ran, tensors };
}

function expectTensor(actual: Tensor | undefined, expected: Tensor, name: string): void {
  expect(actual?.shape, name).toEqual(expected.shape);
  const [a, b] = [actual!.data as Float32Array, expected.data as Float32Array];
  if (name.startsWith("grad.")) expect(relativeError(a, b), name).toBeLessThan(1e-5);
  else expect(worstExcess(a, b, 1e-4), name).toBeLessThan(1e-5);
}

describe("golden cases from their files, --outputs all", () => {
  it.each(goldenCases(/^(cls_|interp_(?!tables)|mim_)/))("%s", async (name) => {
    const { expected, inputs } = goldenCase(name);
    const { code, stdout, tensors } = await forward(folderOf(name), inputs, "--outputs", "all");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    for (const [key, tensor] of expected) expectTensor(tensors!.get(key), tensor, key);
  });
});

describe("outputs", () => {
  const cls = goldenCase("cls_mean_relbias");
  const mim = goldenCase("mim_sharedrel");
  const model = folderOf("cls_mean_relbias");
  const pixels = cls.inputs.get("pixel_values")!;

  it("by default what the model returns, and the loss with labels", async () => {
    const [plain, labelled, masked] = await Promise.all([
      forward(model, new Map([["pixel_values", pixels]])),
      forward(model, cls.inputs),
      forward(folderOf("mim_sharedrel"), mim.inputs),
    ]);
    expect([...plain.tensors!.keys()]).toEqual(["logits"]);
    expect([...labelled.tensors!.keys()]).toEqual(["logits", "loss"]);
    expect([...masked.tensors!.keys()]).toEqual(["logits", "masked_logits", "loss"]);
    expect(masked.stderr).toContain("not used by a model of masked-image-modelling: token_ids");
  });

  it("of a bare encoder", async () => {
    const features = await writeModel(join(cwd, "features"), { task: "features" });
    const { tensors } = await forward(features, new Map([["pixel_values", pixels]]));
    expect([...tensors!].map(([name, { shape }]) => [name, shape])).toEqual([
      ["last_hidden_state", [2, 17, 32]],
      ["pooled_output", [2, 32]],
    ]);
  });

  it("by name and pattern", async () => {
    const { tensors } = await forward(model, cls.inputs, "--outputs", "attentions.2,hidden_states.*,grad.classifier.*");
    const hidden = [0, 1, 2, 3].map((i) => `hidden_states.${i}`);
    expect([...tensors!.keys()]).toEqual(["attentions.2", ...hidden, "grad.classifier.weight", "grad.classifier.bias"]);
  });

  it("without a mask nothing is masked", async () => {
    const { shape } = mim.inputs.get("bool_masked_pos")!;
    const nothing: Tensor = { dtype: "bool", shape, data: new Uint8Array(shape[0]! * shape[1]!) };
    const image: [string, Tensor] = ["pixel_values", mim.inputs.get("pixel_values")!];
    const [absent, zero] = await Promise.all([
      forward(folderOf("mim_sharedrel"), new Map([image])),
      forward(folderOf("mim_sharedrel"), new Map([image, ["bool_masked_pos", nothing]])),
    ]);
    expect([...absent.tensors!.keys()]).toEqual(["logits"]);
    expect(absent.tensors!.get("logits")!.data).toEqual(zero.tensors!.get("logits")!.data);
  });

  it("takes any float for pixels, any integer for labels and masks", async () => {
    const as = <T extends "int32" | "uint8">(
      dtype: T,
      { shape, data }: Tensor,
      make: (values: number[]) => DataOf[T],
    ) => ({ dtype, shape, data: make(Array.from(data as ArrayLike<number | bigint>, Number)) }) as Tensor;
    const double: Tensor = {
      dtype: "float64",
      shape: pixels.shape,
      data: Float64Array.from(pixels.data as Float32Array),
    };
    const int32 = as("int32", cls.inputs.get("labels")!, (values) => Int32Array.from(values));
    const { tensors } = await forward(
      model,
      new Map([
        ["pixel_values", double],
        ["labels", int32],
      ]),
    );
    for (const name of ["logits", "loss"]) expectTensor(tensors!.get(name), cls.expected.get(name)!, name);
    const half = await forward(model, new Map([["pixel_values", asDType(pixels, "float16")]]));
    expect(
      worstExcess(
        half.tensors!.get("logits")!.data as Float32Array,
        cls.expected.get("logits")!.data as Float32Array,
        0,
      ),
    ).toBeLessThan(0.02);
    const uint8 = as("uint8", mim.inputs.get("bool_masked_pos")!, (values) => Uint8Array.from(values));
    const masked = await forward(folderOf("mim_sharedrel"), new Map(mim.inputs).set("bool_masked_pos", uint8));
    expectTensor(masked.tensors!.get("loss"), mim.expected.get("loss")!, "loss");
  });

  it("takes labels of all patches as well as of the masked ones", async () => {
    const inputs = new Map(mim.inputs).set("labels", mim.inputs.get("token_ids")!);
    const { tensors } = await forward(folderOf("mim_sharedrel"), inputs);
    expectTensor(tensors!.get("loss"), mim.expected.get("loss")!, "loss");
  });
});

describe("what does not fit is named, and nothing is written", () => {
  const model = folderOf("cls_mean_relbias");
  const { inputs } = goldenCase("cls_mean_relbias");
  const mim = goldenCase("mim_sharedrel");
  const float = (...shape: number[]): Tensor => ({
    dtype: "float32",
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b)),
  });
  const ints = (...values: number[]): Tensor => ({
    dtype: "int64",
    shape: [values.length],
    data: BigInt64Array.from(values, BigInt),
  });
  const cases: [what: string, folder: string, inputs: ReadonlyMap<string, Tensor>, args: string[], message: string][] =
    [
      [
        "no pixels",
        model,
        new Map([["pixels", float(1, 3, 32, 32)]]),
        [],
        "pixel_values: missing; expected floats [batch, 3, height, width]",
      ],
      ["two channels", model, new Map([["pixel_values", float(1, 2, 32, 32)]]), [], "got float32 [1, 2, 32, 32]"],
      ["a side between patches", model, new Map([["pixel_values", float(1, 3, 32, 36)]]), [], "sides multiples of 8"],
      ["integer pixels", model, new Map([["pixel_values", ints(1, 2)]]), [], "got int64 [2]"],
      [
        "too many labels",
        model,
        new Map(inputs).set("labels", ints(0, 1, 2)),
        [],
        "labels: expected integers [2] (one class per picture), got int64 [3]",
      ],
      [
        "a class that is not there",
        model,
        new Map(inputs).set("labels", ints(0, 5)),
        [],
        "labels: 5 is not one of the classes 0..4",
      ],
      [
        "a mask for a classifier",
        model,
        new Map(inputs).set("bool_masked_pos", float(2, 16)),
        [],
        "which takes no mask",
      ],
      [
        "a mask of another grid",
        folderOf("mim_sharedrel"),
        new Map(mim.inputs).set("bool_masked_pos", float(2, 9)),
        [],
        "bool_masked_pos: expected bool or integers [2, 16]",
      ],
      [
        "labels without a mask",
        folderOf("mim_sharedrel"),
        new Map([...mim.inputs].filter(([name]) => name !== "bool_masked_pos")),
        [],
        "bool_masked_pos: missing",
      ],
      [
        "an unknown output",
        model,
        inputs,
        ["logits", "attention"],
        'output "attention": there is none of this name; there are logits, log_probs, hidden_states.N',
      ],
      [
        "gradients without labels",
        model,
        new Map([["pixel_values", inputs.get("pixel_values")!]]),
        ["grad.*"],
        "need labels",
      ],
    ];
  it.each(cases)("%s", async (_, folder, given, args, message) => {
    const outputs = args.length > 0 ? { outputs: args } : {};
    await expect(runModel(await loadModel(folder), given, outputs)).rejects.toThrow(message);
  });

  it("on the command line, too", async () => {
    const { code, stdout, stderr, tensors } = await forward(model, inputs, "--outputs", "nothing");
    expect({ code, stdout, tensors }).toEqual({ code: 1, stdout: "", tensors: undefined });
    expect(stderr).toMatch(/^beit: output "nothing": there is none of this name; there are logits, .*\n$/);
  });

  it("a damaged input file", async () => {
    writeFileSync(join(cwd, "cut.safetensors"), "cut");
    const { code, stderr } = await beit(["forward", model, join(cwd, "cut.safetensors"), join(cwd, "never")]);
    expect(code).toBe(1);
    expect(stderr).toContain("cut.safetensors: a safetensors file has at least 8 bytes");
    expect(existsSync(join(cwd, "never"))).toBe(false);
  });
});
