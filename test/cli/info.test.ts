import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createEngine } from "../../src/platform/engine.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { goldenCase, goldenFolder, worstExcess } from "../parity/golden.ts";
import { beit, temporaryFolder, writeModel } from "./run.ts";

const cwd = temporaryFolder();

describe("beit info", () => {
  it("shows the reference card's layout", async () => {
    const { code, stdout } = await beit(["info", "card"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/parameters +85,667,666\n/);
    expect(stdout).toContain("0 with_mask, 1 without_mask");
    const parts = JSON.parse((await beit(["info", "card", "--json"])).stdout).parameters;
    expect(parts.total).toBe(85_667_666);
    expect(parts.parts.reduce((sum: number, part: { parameters: number }) => sum + part.parameters, 0)).toBe(
      85_667_666,
    );
  });

  it("shows a folder: labels, precision, what its card says", async () => {
    const card = "---\nlicense: apache-2.0\ntags:\n- vision\n- beit\nmodel-index:\n- name: x\n---\n\n# A model\n";
    const model = await writeModel(join(cwd, "model"), { card });
    const summary = JSON.parse((await beit(["info", model, "--json"])).stdout);
    expect(summary).toMatchObject({ task: "classification", labels: ["dark", "light"] });
    expect(summary.source).toMatchObject({ format: "huggingface", dtypes: ["float16"], unused: [] });
    expect(summary.source.card).toEqual({ license: "apache-2.0", tags: "vision, beit" });
    expect(summary.preprocessing).toMatchObject({ size: { height: 32, width: 32 } });
    const { stdout } = await beit(["info", model]);
    expect(stdout).toContain("huggingface, float16");
    expect(stdout).toMatch(/license +apache-2\.0/);
  });

  it("counts the arithmetic of one image", async () => {
    // tiny by hand: 12 (197 (4·192² + 2·192·768) + 2·197²·192) + 196·768·192 + 192·2 multiply-accumulates
    const { compute } = JSON.parse((await beit(["info", "tiny", "--json"])).stdout);
    expect(compute).toEqual({
      forward_macs: 1_253_491_584,
      forward_flops: 2_506_983_168,
      training_flops: 7_520_949_504,
    });
  });

  it("refuses a name it does not know", async () => {
    const { code, stdout, stderr } = await beit(["info", "huge"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe("beit: huge: no such model folder or file, and not one of tiny, small, base, large, card\n");
  });
});

describe("beit export", () => {
  it("writes a model of standard operators with the golden logits", async () => {
    const golden = goldenCase("cls_mean_relbias");
    const file = join(cwd, "out/model.onnx");
    const { code } = await beit(["export", join(goldenFolder, "cls_mean_relbias"), "-o", file]);
    expect(code).toBe(0);
    const engine = await createEngine(file);
    expect([engine.inputNames, engine.outputNames]).toEqual([["pixel_values"], ["logits"]]);
    const { logits } = await engine.run({ pixel_values: golden.inputs.get("pixel_values") as Tensor });
    await engine.release();
    const expected = golden.expected.get("logits")!;
    expect(logits!.shape).toEqual(expected.shape);
    expect(worstExcess(logits!.data as Float32Array, expected.data as Float32Array, 1e-4)).toBeLessThan(1e-5);
  });

  it("goes into the model folder; a single file needs -o", async () => {
    const model = await writeModel(join(cwd, "exported"));
    expect(await beit(["export", `${model}/`])).toMatchObject({
      code: 0,
      stdout: "",
      stderr: `beit: wrote ${model}/onnx/model.onnx\n`,
    });
    const { code } = await beit(["export", join(model, "gone.safetensors")]);
    expect(code).toBe(1);
  });
});
