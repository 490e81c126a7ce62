import type { Coefficients } from "./coefficients.ts";
import { PASSES_WASM } from "./passes-wasm.ts";
import type { Pixels, Size } from "./pixels.ts";

/** Bytes of a rectangle inside a larger row-major RGB buffer: pixel (x, y) starts at `offset + y * stride + 3 * x`. */
export interface View extends Size {
  readonly data: Uint8Array;
  readonly offset: number;
  readonly stride: number;
}

/** What passes.wat exports; its comments say what the arguments are. Addresses and strides are in bytes. */
interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  horizontal(
    source: number,
    stride: number,
    rows: number,
    first: number,
    weights: number,
    groups: number,
    out: number,
    width: number,
  ): void;
  vertical(
    source: number,
    stride: number,
    rows: number,
    first: number,
    weights: number,
    taps: number,
    out: number,
    length: number,
  ): void;
}

// The part of the standard that is used here; TypeScript only has it among a browser's types.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
};

let loaded: Kernels | undefined;

/** The kernels of this thread, compiled on first use; passes use their memory one after the other. */
function kernels(): Kernels {
  const bytes = () => Uint8Array.from(atob(PASSES_WASM), (character) => character.charCodeAt(0));
  loaded ??= new WebAssembly.Instance(new WebAssembly.Module(bytes())).exports as Kernels;
  return loaded;
}

const PAGE = 65536;
const GROUP = 4; // taps that the horizontal kernel reads at once
const SLACK = 64; // bytes that the kernels may touch past a part, and that keep parts aligned
const SOURCE_ROWS = 64; // a strip of a large picture stays in the cache, and the memory small
const TARGET_ROWS = 16;

/** Addresses of parts of these byte lengths one after the other, for which there is memory then. */
function place<const T extends readonly number[]>({ memory }: Kernels, lengths: T): { [K in keyof T]: number } {
  let end = 0;
  const addresses = lengths.map((length) => {
    const address = end;
    end += Math.ceil(length / SLACK + 1) * SLACK;
    return address;
  });
  const missing = end - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
  return addresses as { [K in keyof T]: number };
}

/** Copies rows `[top, top + count)` of a view, `length` bytes each, without gaps. */
function copyRows({ data, offset, stride }: View, top: number, count: number, length: number, to: Uint8Array): void {
  const start = offset + top * stride;
  if (stride === length) {
    to.set(data.subarray(start, start + count * length));
    return;
  }
  for (let y = 0; y < count; y++) {
    to.set(data.subarray(start + y * stride, start + y * stride + length), y * length);
  }
}

/** Every row of the view at another width. */
export function horizontal(view: View, { taps, first, weights }: Coefficients, width: number): Pixels {
  const kernel = kernels();
  const groups = Math.ceil(taps / GROUP);
  const [stride, length] = [view.width * 3, width * 3];
  const rows = Math.min(SOURCE_ROWS, view.height);
  const [firstAt, weightsAt, sourceAt, outAt] = place(kernel, [
    4 * width,
    4 * width * groups * GROUP,
    rows * stride + groups * GROUP * 3,
    rows * length,
  ] as const);
  const bytes = new Uint8Array(kernel.memory.buffer);
  new Int32Array(bytes.buffer, firstAt, width).set(first.map((x) => x * 3));
  const padded = new Int32Array(bytes.buffer, weightsAt, width * groups * GROUP).fill(0);
  for (let x = 0; x < width; x++) {
    for (let t = 0; t < taps; t++) padded[x * groups * GROUP + t] = weights[x * taps + t]!;
  }
  const data = new Uint8Array(length * view.height);
  for (let y = 0; y < view.height; y += rows) {
    const count = Math.min(rows, view.height - y);
    copyRows(view, y, count, stride, bytes.subarray(sourceAt));
    kernel.horizontal(sourceAt, stride, count, firstAt, weightsAt, groups, outAt, width);
    data.set(bytes.subarray(outAt, outAt + count * length), y * length);
  }
  return { width, height: view.height, data };
}

/** Every column of the view at another height. */
export function vertical(view: View, { taps, first, weights }: Coefficients, height: number): Pixels {
  const kernel = kernels();
  const length = view.width * 3;
  const strips = stripsOf(first, taps);
  const most = strips.reduce((rows, { count }) => Math.max(rows, count), 0);
  const [firstAt, weightsAt, sourceAt, outAt] = place(kernel, [
    4 * TARGET_ROWS,
    4 * TARGET_ROWS * taps,
    most * length,
    TARGET_ROWS * length,
  ] as const);
  const bytes = new Uint8Array(kernel.memory.buffer);
  const data = new Uint8Array(length * height);
  for (const { from, to, top, count } of strips) {
    new Int32Array(bytes.buffer, firstAt, to - from).set(first.subarray(from, to).map((y) => (y - top) * length));
    new Int32Array(bytes.buffer, weightsAt, (to - from) * taps).set(weights.subarray(from * taps, to * taps));
    copyRows(view, top, count, length, bytes.subarray(sourceAt));
    kernel.vertical(sourceAt, length, to - from, firstAt, weightsAt, taps, outAt, length);
    data.set(bytes.subarray(outAt, outAt + (to - from) * length), from * length);
  }
  return { width: view.width, height, data };
}

/** Target rows `[from, to)`, and the `count` source rows from `top` on that they are made of. */
interface Strip {
  readonly from: number;
  readonly to: number;
  readonly top: number;
  readonly count: number;
}

function stripsOf(first: Int32Array, taps: number): Strip[] {
  return Array.from({ length: Math.ceil(first.length / TARGET_ROWS) }, (_, strip) => {
    const from = strip * TARGET_ROWS;
    const to = Math.min(from + TARGET_ROWS, first.length);
    const starts = first.subarray(from, to);
    const top = starts.reduce((a, b) => Math.min(a, b)); // not always the first: zero weights are dropped
    return { from, to, top, count: starts.reduce((a, b) => Math.max(a, b)) + taps - top };
  });
}
