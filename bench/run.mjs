// What beit claims about speed, measured on this machine: npm run bench -- [--quick] [--only NAME]… [--check] [--json FILE]
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeMachine } from "./machine.mjs";
import { writePictures } from "./pictures.mjs";
import { busyWarning, renderMachine, renderRows } from "./report.mjs";
import { bulk } from "./sections/bulk.mjs";
import { gemm } from "./sections/gemm.mjs";
import { growth } from "./sections/growth.mjs";
import { inference } from "./sections/inference.mjs";
import { passes } from "./sections/passes.mjs";
import { step } from "./sections/step.mjs";
import { verdict } from "./statistics.mjs";

const SECTIONS = { gemm, passes, step, inference, bulk, growth };
const USAGE = `usage: npm run bench -- [--quick] [--only ${Object.keys(SECTIONS).join("|")}]… [--check] [--json FILE]

  --quick      fewer and shorter rounds: rough figures in a minute or two
  --only NAME  one part (repeatable); passes and step bring gemm along, which they are compared with
  --check      exit with 1 when a ratio is below its floor
  --json FILE  also write the results there`;

function readArguments() {
  const boolean = { type: "boolean", default: false };
  const only = { type: "string", multiple: true, default: Object.keys(SECTIONS) };
  const options = { quick: boolean, check: boolean, help: boolean, json: { type: "string" }, only };
  const { values } = parseArgs({ options });
  const unknown = values.only.find((name) => !(name in SECTIONS));
  if (unknown) throw new RangeError(`--only ${unknown}: expected one of ${Object.keys(SECTIONS).join(", ")}`);
  return values;
}

const needsCeiling = (names) => names.includes("passes") || names.includes("step");

async function measure({ only, quick }) {
  const folder = await mkdtemp(join(tmpdir(), "beit-bench-"));
  const machine = describeMachine();
  const pace = quick ? { rounds: 3, seconds: 0.3 } : { rounds: 7, seconds: 1 };
  const context = { cores: machine.cores, folder, pictures: join(folder, "pictures"), ...pace };
  const result = { date: new Date().toISOString(), machine, quick, rows: [] };
  console.log(`${renderMachine(result)}\n`);
  try {
    if (only.includes("step") || only.includes("bulk")) await writePictures(context.pictures);
    for (const [name, section] of Object.entries(SECTIONS)) {
      if (!only.includes(name) && !(name === "gemm" && needsCeiling(only))) continue;
      const rows = await section(context);
      console.log(`${renderRows(rows, { color: process.stdout.isTTY })}\n`);
      result.rows.push(...rows.map((row) => ({ section: name, ...row, ok: verdict(row) })));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return result;
}

async function store(result, json) {
  const text = `${JSON.stringify(result, null, 2)}\n`;
  const results = new URL("results/", import.meta.url);
  await mkdir(results, { recursive: true });
  const file = new URL(`${result.date.replaceAll(":", "-")}.json`, results);
  await writeFile(file, text);
  if (json) await writeFile(json, text);
  console.log(`written to bench/results/${file.pathname.split("/").at(-1)}${json ? ` and ${json}` : ""}`);
}

async function main() {
  const args = readArguments();
  if (args.help) return console.log(USAGE);
  const result = await measure(args);
  const warning = busyWarning(result.rows);
  if (warning) console.log(`warning: ${warning}`);
  await store(result, args.json);
  const below = result.rows.filter(({ ok }) => ok === false);
  for (const { what, ratio, floor } of below) {
    console.log(`below its floor: ${what}: ${ratio.median.toFixed(3)}, expected at least ${floor.toFixed(2)}`);
  }
  if (args.check && below.length) process.exitCode = 1;
}

main().catch((error) => {
  const misused = error.code?.startsWith("ERR_PARSE_ARGS") || error instanceof RangeError;
  console.error(misused ? `bench: ${error.message}\n\n${USAGE}` : error);
  process.exit(misused ? 2 : 1); // contenders that are still there end with this process
});
