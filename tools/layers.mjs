// Import direction: a folder of src/ imports only from folders on earlier lines, never sideways on its own line.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const lines = [
  ["tensor"],
  ["platform"],
  ["image", "graph", "checkpoint"],
  ["dataset", "onnx", "nn"],
  ["session", "optim", "dvae", "beit"],
  ["evaluate"],
  ["quantize"],
  ["train"],
  ["report"],
  ["server"],
  ["cli"],
];
const level = new Map(lines.flatMap((folders, i) => folders.map((folder) => [folder, i])));
const outside = /^(node:|onnxruntime|sharp$|pino$|@hono\/node-server)/; // only platform may know where it runs
const imports = (file) => [...readFileSync(join(src, file), "utf8").matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)];
const src = new URL("../src/", import.meta.url).pathname;
const problems = [];
const isTypeImport = (file, from) =>
  new RegExp(`(import|export) type [^;]*"${from.replaceAll(".", "\\.")}"`).test(readFileSync(join(src, file), "utf8"));
for (const file of readdirSync(src, { recursive: true })) {
  const [folder] = file.split("/");
  if (!file.endsWith(".ts") || file.endsWith(".test.ts") || !level.has(folder)) continue;
  for (const [, from] of imports(file)) {
    if (outside.test(from) && folder !== "platform" && !(folder === "cli" && from.startsWith("node:")))
      problems.push(`${file}: ${from} belongs in platform/`);
    const target = /^(?:\.\.\/|#)([a-z]+)\//.exec(from)?.[1];
    if (target && target !== folder && !(level.get(target) < level.get(folder)))
      problems.push(`${file}: imports ${from}, a later or equal layer`);
  }
}

// What src/browser.ts reaches, "#platform/…" being platform/browser/… there, must not need Node.
const reached = new Set(["browser.ts"]);
const withoutComments = (file) => readFileSync(join(src, file), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
for (const file of reached) {
  const [, name] = /(?<![.\w])(Buffer|process|setImmediate|require)[.(]/.exec(withoutComments(file)) ?? [];
  if (name) problems.push(`${file}: ${name} is not there in browsers, where this file comes`);
  for (const [, from] of imports(file)) {
    if (/^(node:|onnxruntime-node|sharp$|pino$|@hono)/.test(from))
      problems.push(`${file}: ${from} would reach a bundle for browsers`);
    const next = from.startsWith("#")
      ? `${from.replace("#platform", "platform/browser")}.ts`
      : join(dirname(file), from);
    if (/^[.#]/.test(from) && !isTypeImport(file, from)) reached.add(next);
  }
}

if (problems.length) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`layers: ${level.size} folders, imports run one way; ${reached.size} files reach a browser`);
