import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSafetensors } from "../../src/checkpoint/safetensors.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

/** Golden numbers of the original code; see test/fixtures/README.md. */
export const goldenFolder = new URL("../fixtures/golden/", import.meta.url).pathname;

export interface GoldenCase {
  readonly name: string;
  readonly config: unknown;
  readonly meta: { weights: Record<string, { shape: number[]; scale: number; offset: number }> };
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly expected: ReadonlyMap<string, Tensor>;
  readonly weights: ReadonlyMap<string, Tensor> | undefined;
}

const tensors = (path: string) => (existsSync(path) ? parseSafetensors(readFileSync(path), path).tensors : undefined);

export function goldenCase(name: string): GoldenCase {
  const at = (file: string) => join(goldenFolder, name, file);
  return {
    name,
    config: existsSync(at("config.json")) ? JSON.parse(readFileSync(at("config.json"), "utf8")) : undefined,
    meta: JSON.parse(readFileSync(at("meta.json"), "utf8")),
    inputs: tensors(at("input.safetensors")) ?? new Map(),
    expected: tensors(at("expected.safetensors"))!,
    weights: tensors(at("model.safetensors")),
  };
}

export const goldenCases = (pattern: RegExp): string[] =>
  readdirSync(goldenFolder).filter((name) => pattern.test(name));

/** The golden files' generator of weights and inputs. @see test/fixtures/golden/README.md, "Hash generator" */
export function hashValues(key: string, count: number, scale: number, offset: number): Float32Array {
  let base = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(key)) base = Math.imul(base ^ byte, 0x01000193);
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let x = (base + Math.imul(i, 0x9e3779b9)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    x ^= x >>> 16;
    out[i] = offset + scale * (2 * ((x >>> 8) / 16777216) - 1);
  }
  return out;
}

/** ‖a − b‖ / ‖b‖. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return Math.sqrt(difference / (norm || 1));
}

/** Largest |a − b| − rtol |b|: at most atol when the arrays agree. */
export function worstExcess(a: ArrayLike<number>, b: ArrayLike<number>, rtol: number): number {
  let worst = 0;
  for (let i = 0; i < b.length; i++) worst = Math.max(worst, Math.abs(a[i]! - b[i]!) - rtol * Math.abs(b[i]!));
  return worst;
}
