// What the page of the shipped detector downloads, file by file: node tools/page-sizes.mjs
import { gzipSync } from "node:zlib";
import { shippedModel } from "../dist/evaluate/pipeline.js";
import { createSite, SITE_LIST } from "../dist/server/site.js";

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

const count = (kind) => ({ kind, bytes: 0, gzip: 0 });
const [rows, demanded] = [kinds.map(([kind]) => count(kind)), count("only for the graphics card, when asked for")];
const site = await createSite(shippedModel(), "auto");
const list = JSON.parse(new TextDecoder().decode(site.get(SITE_LIST)));
const optional = new Set(list.files.flatMap((file) => (file.optional ? [file.path] : [])));
for (const [path, content] of site) {
  const row = optional.has(path) ? demanded : rows[kinds.findIndex(([, pattern]) => pattern.test(path))];
  row.bytes += content.byteLength;
  row.gzip += gzipSync(content).byteLength;
}
const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
const all = { kind: "**all**", bytes: sum("bytes"), gzip: sum("gzip") };
console.log("| | MB | MB with gzip, where the host does that |\n|---|---:|---:|");
for (const { kind, bytes, gzip } of [...rows, all, demanded])
  console.log(`| ${kind} | ${megabytes(bytes)} | ${megabytes(gzip)} |`);
if (sum("bytes") > LIMIT_MB * 1e6) {
  console.error(`more than ${LIMIT_MB} MB`);
  process.exitCode = 1;
}
