import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { adamWStep } from "./adamw.ts";

interface Trajectory {
  name: string;
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  initial: number[];
  gradients: number[][];
  parameters: number[][];
  m: number[];
  v: number[];
}

const path = new URL("../../test/fixtures/optim/torch-adamw.json", import.meta.url);
const trajectories: Trajectory[] = JSON.parse(readFileSync(path, "utf8")).trajectories;

function near(actual: Float32Array, expected: readonly number[], relative: number): void {
  for (const [i, value] of expected.entries()) {
    expect(Math.abs(actual[i]! - value), `element ${i}: ${actual[i]} for ${value}`).toBeLessThanOrEqual(
      relative * Math.abs(value) + 1e-30,
    );
  }
}

describe("adamWStep", () => {
  it.each(trajectories)("follows torch.optim.AdamW in float64: $name", (torch) => {
    const { lr, beta1, beta2, eps, weightDecay } = torch;
    const p = Float32Array.from(torch.initial);
    const [m, v] = [new Float32Array(p.length), new Float32Array(p.length)];
    for (const [t, gradient] of torch.gradients.entries()) {
      adamWStep(p, Float32Array.from(gradient), m, v, { lr, beta1, beta2, eps, weightDecay, step: t + 1 });
      near(p, torch.parameters[t]!, 5e-7); // float32 storage: a few roundings of 6e-8
    }
    near(m, torch.m, 1e-6);
    near(v, torch.v, 1e-6);
  });

  it("moves a first step by the learning rate, whatever the gradient's size", () => {
    const p = Float32Array.of(1, 1);
    const g = Float32Array.of(1e-4, -3);
    adamWStep(p, g, new Float32Array(2), new Float32Array(2), { lr: 0.125, eps: 0, step: 1 });
    expect([...p]).toEqual([0.875, 1.125]);
  });

  it("decays before it moves, also where the gradient is zero", () => {
    const p = Float32Array.of(2);
    adamWStep(p, Float32Array.of(0), new Float32Array(1), new Float32Array(1), { lr: 0.5, weightDecay: 0.25, step: 1 });
    expect(p[0]).toBe(1.75);
  });

  it("scales the gradient on the way in", () => {
    const run = (g: number, gradScale: number) => {
      const [p, m, v] = [Float32Array.of(1), new Float32Array(1), new Float32Array(1)];
      for (let step = 1; step <= 3; step++)
        adamWStep(p, Float32Array.of(g * step), m, v, { lr: 0.01, eps: 0.1, step, gradScale });
      return [p[0], m[0], v[0]];
    };
    expect(run(8, 0.125)).toEqual(run(1, 1));
  });

  it("gives an element the same alone and among others", () => {
    const g = Float32Array.from({ length: 23 }, (_, i) => Math.sin(i));
    const run = (of: Float32Array) => {
      const [p, m, v] = [Float32Array.from(of, Math.cos), new Float32Array(of.length), new Float32Array(of.length)];
      for (let step = 1; step <= 3; step++) adamWStep(p, of, m, v, { lr: 0.1, step });
      return [...p];
    };
    expect(run(g)).toEqual(Array.from(g, (_, i) => run(g.subarray(i, i + 1))).flat());
  });
});
