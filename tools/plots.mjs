// The curves of a run as SVG files for the documentation, after npm run build:
//   node tools/plots.mjs RUN docs/plots/NAME [TITLE …]
// writes NAME-TITLE.svg for each figure of the run's report, or for those whose titles are given.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { trainingFigures } from "../dist/report/figures.js";

const [run, name, ...titles] = process.argv.slice(2);
if (!run || !name) throw new Error("expected: node tools/plots.mjs RUN docs/plots/NAME [TITLE …]");
const { log_history } = JSON.parse(await readFile(join(run, "trainer_state.json"), "utf8"));
await mkdir(dirname(name), { recursive: true });
for (const svg of trainingFigures(log_history)) {
  const title = /<title>([^<]*)<\/title>/.exec(svg)[1];
  if (titles.length > 0 && !titles.includes(title)) continue;
  const path = `${name}-${title.toLowerCase().replaceAll(/[^a-z]+/g, "-")}.svg`;
  await writeFile(path, svg);
  console.log(path);
}
