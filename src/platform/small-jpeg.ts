import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Pixels, toRgb } from "../tensor/pixels.ts";

/** Pixels up to which this decoder is quicker than sharp, which sets up a pipeline of about 1 ms for every picture. */
export const SMALL = 160_000;

type Decode = typeof import("@jsquash/jpeg/decode.js")["default"];

let loading: Promise<Decode> | undefined;
let compiled: WebAssembly.Module | undefined;

let last: Promise<unknown> = Promise.resolve();

/**
 * Decodes a small JPEG file whose header is plain (see `jpegHeader`), with the bits that sharp gives (wrong tables in a damaged file
 * apart, docs/numerics.md).
 * @returns undefined when the decoder complains of anything, at once: whether the file is damaged is then for sharp to say
 */
export function decodeSmallJpeg(bytes: Uint8Array): Promise<Pixels | undefined> {
  const decoded = last.then(() => decodeNow(bytes)); // one after the other: what one complains of must not reach another
  last = decoded;
  return decoded;
}

async function decodeNow(bytes: Uint8Array): Promise<Pixels | undefined> {
  try {
    loading ??= load();
    const decode = await loading;
    const { width, height, data } = await decode(Uint8Array.from(bytes).buffer);
    return toRgb({ width, height, channels: 4, data });
  } catch {
    loading = undefined; // it would hold its tongue about the next damaged picture, which gets a new one
    return undefined;
  }
}

async function load(): Promise<Decode> {
  const { default: decode, init } = await import("@jsquash/jpeg/decode.js");
  const path = createRequire(import.meta.url).resolve("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm");
  compiled ??= new WebAssembly.Module(readFileSync(path));
  const module = compiled;
  await init({
    instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) {
      const instance = new WebAssembly.Instance(module, imports);
      done(instance);
      return instance.exports;
    },
    printErr(complaint: string) {
      throw new Error(complaint); // going on would take as long as a damaged file likes
    },
  });
  return decode;
}
