import type { ExplanationMethod } from "../beit/explain.ts";
import { pixelsOf } from "../evaluate/batch.ts";
import { createExplainer, type Explanation } from "../evaluate/explain.ts";
import { loadClassifier, shippedModel } from "../evaluate/pipeline.ts";
import { overlayHeat, seenRegion } from "../image/heat.ts";
import { openOutput, say } from "../platform/console.ts";
import { encodePng } from "../platform/decode.ts";
import { BeitError } from "../platform/errors.ts";
import { writeFileAtomic } from "../platform/files.ts";
import { absolutePath, baseName } from "../platform/folders.ts";
import { requireOwnFile } from "./output.ts";
import { filesOf, findPictures, type Source } from "./pictures.ts";

/** What `beit explain` was asked for. */
export interface ExplainOptions {
  readonly output?: string;
  readonly model?: string;
  readonly label?: string;
  readonly method: ExplanationMethod;
  readonly json?: boolean;
}

/** Shows what the model looked at; resolves to the exit code: 1 when a picture could not be read. */
export async function runExplain(images: readonly string[], options: ExplainOptions): Promise<number> {
  const sources = await findPictures(images);
  const placeOf = outputPlaces(sources, options);
  const model = await loadClassifier(options.model ?? shippedModel());
  const explainer = await createExplainer(model, options.method);
  const answer = await openOutput();
  let failed = 0;
  try {
    for (const source of sources) {
      try {
        if ("error" in source) throw new BeitError("explain/source", source.error);
        const pixels = await pixelsOf(source.picture);
        const explanation = await explainer.explain(pixels, options.label);
        const place = placeOf(source);
        if (place) {
          const overlay = overlayHeat(pixels, explanation, seenRegion(pixels, model.processor));
          await writeFileAtomic(place, await encodePng(overlay));
        }
        await answer.write(line(source.file, explanation, place, options.json));
      } catch (error) {
        if (!(error instanceof BeitError) || !/^(image|file|explain\/source)/.test(error.code)) throw error;
        failed++;
        say(`beit: ${error.message}`);
      }
    }
  } finally {
    await explainer.close();
  }
  return failed > 0 ? 1 : 0;
}

/** Where the overlay of a picture goes: the file named, or in the folder named a file of its own. */
function outputPlaces(
  sources: readonly Source[],
  { output, json }: ExplainOptions,
): (source: Source) => string | undefined {
  if (output === undefined) {
    if (json) return () => undefined;
    throw new BeitError("usage/output", "explain: expected -o FILE.png (or a folder for several pictures), or --json");
  }
  if (/\.png$/i.test(output)) {
    requireOwnFile(output, filesOf(sources));
    if (sources.length === 1) return () => output;
    throw new BeitError("usage/output", `explain: ${sources.length} pictures do not fit in ${output}; name a folder`);
  }
  const taken = new Set(filesOf(sources).map((file) => absolutePath(file)));
  return ({ file }) => {
    const stem = baseName(file).replace(/\.\w+$/, "");
    let place = `${output}/${stem}.heat.png`;
    for (let i = 2; taken.has(absolutePath(place)); i++) place = `${output}/${stem}-${i}.heat.png`;
    taken.add(absolutePath(place));
    return place;
  };
}

function line(file: string, explanation: Explanation, place: string | undefined, json = false): string {
  const { method, label, score, rows, columns, heat } = explanation;
  if (!json) return `${file}  ${label}  ${score.toFixed(4)}  ${place}\n`;
  const grid = Array.from({ length: rows }, (_, row) =>
    Array.from(heat.subarray(row * columns, (row + 1) * columns), (value) => Number(value.toFixed(4))),
  );
  return `${JSON.stringify({ file, label, score, method, ...(place ? { output: place } : {}), heat: grid })}\n`;
}
