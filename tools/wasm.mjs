// Assembles src/image/passes.wat into src/image/passes-wasm.ts: npm run wasm
import { readFileSync, writeFileSync } from "node:fs";
import wabt from "wabt";

const source = new URL("../src/image/passes.wat", import.meta.url);
const target = new URL("../src/image/passes-wasm.ts", import.meta.url);

/** The text of passes-wasm.ts as passes.wat says it should be. */
export async function assembled() {
  const { parseWat } = await wabt();
  const module = parseWat("passes.wat", readFileSync(source, "utf8"), { simd: true });
  module.validate();
  const base64 = Buffer.from(module.toBinary({}).buffer).toString("base64");
  const lines = base64.match(/.{1,100}/g).map((line) => `  "${line}"`);
  return [
    "/** The module of passes.wat, assembled by `npm run wasm`: base64. */",
    "export const PASSES_WASM: string =",
    `${lines.join(" +\n")};\n`,
  ].join("\n");
}

if (process.argv[1] === new URL(import.meta.url).pathname) writeFileSync(target, await assembled());
