// What the page of the shipped detector downloads, file by file: node tools/page-sizes.mjs
import { gzipSync } from "node:zlib";
import { shippedModel } from "../dist/evaluate/pipeline.js";
import { createSite } from "../dist/server/site.js";

const LIMIT_MB = 25;

const kinds = [
  ["onnxruntime (WebAssembly)", /ort-wasm.*\.wasm$/],
  ["model, int8", /model\/model\.onnx$/],
  ["heat-map graph", /explain\.onnx$/],
  ["JPEG decoder (WebAssembly)", /mozjpeg.*\.wasm$/],
  ["scripts and styles", /\.(js|css|html)$/],
  ["card, configuration, list, icon", /./],
];
const megabytes = (bytes) => (bytes / 1e6).toFixed(2);

const rows = kinds.map(([kind]) => ({ kind, bytes: 0, gzip: 0 }));
for (const [path, content] of await createSite(shippedModel(), "auto")) {
  const row = rows[kinds.findIndex(([, pattern]) => pattern.test(path))];
  row.bytes += content.byteLength;
  row.gzip += gzipSync(content).byteLength;
}
const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
console.log("| | MB | MB with gzip, where the host does that |\n|---|---:|---:|");
for (const { kind, bytes, gzip } of rows) console.log(`| ${kind} | ${megabytes(bytes)} | ${megabytes(gzip)} |`);
console.log(`| **all** | **${megabytes(sum("bytes"))}** | **${megabytes(sum("gzip"))}** |`);
if (sum("bytes") > LIMIT_MB * 1e6) {
  console.error(`more than ${LIMIT_MB} MB`);
  process.exitCode = 1;
}
