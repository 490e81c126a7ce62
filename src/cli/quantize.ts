import { loadClassifier } from "../evaluate/pipeline.ts";
import { LEAST_AGREEMENT, QUANTIZED_FILES, weightsDigest } from "../evaluate/quantized.ts";
import { openOutput, say, wantsColor } from "../platform/console.ts";
import { BeitError } from "../platform/errors.ts";
import { digest, writeFileAtomic } from "../platform/files.ts";
import { absolutePath, baseName, pathKind } from "../platform/folders.ts";
import { withoutEndSlash } from "../platform/paths.ts";
import type { ActivationMethod } from "../quantize/calibrate.ts";
import { type Quantization, quantizeClassifier } from "../quantize/quantize.ts";
import { formatQuantization, quantizationRecord } from "../report/quantization.ts";
import { drawnBy } from "./drawn.ts";

/** What `beit quantize` was asked for. */
export interface QuantizeCommandOptions {
  readonly calibrate: string;
  readonly split?: string;
  readonly pictures?: number;
  readonly activations: ActivationMethod;
  readonly agreement?: number;
  readonly json?: boolean;
}

/** Writes the int8 form of a model folder and the report of what it costs. */
export async function runQuantize(path: string, options: QuantizeCommandOptions): Promise<number> {
  const folder = await modelFolder(path);
  const model = await loadClassifier(folder);
  const { calibrate: dataset, json, ...choices } = options;
  const result = await quantizeClassifier(model, dataset, {
    ...choices,
    drawn: await drawnBy(folder),
    onStep: (text) => say(`beit: ${text}`),
  });
  const record = quantizationRecord(result, {
    dataset: baseName(absolutePath(dataset)),
    weights: await weightsDigest(folder),
    model: digest(result.model),
  });
  const report = `${JSON.stringify(record, null, 2)}\n`;
  await writeFileAtomic(`${folder}/${QUANTIZED_FILES.model}`, result.model);
  await writeFileAtomic(`${folder}/${QUANTIZED_FILES.report}`, report); // last: it names the file before by its digest
  const output = await openOutput();
  await output.write(json ? report : `${formatQuantization(result, { color: wantsColor() })}\n`);
  await output.commit();
  say(`beit: wrote ${folder}/${QUANTIZED_FILES.model}${remark(result, folder)}`);
  return 0;
}

async function modelFolder(path: string): Promise<string> {
  if ((await pathKind(path)) !== "file") return withoutEndSlash(path);
  const message = "is a single file; quantize writes into a model folder, which beit convert makes";
  throw new BeitError("usage/model", `${path}: ${message}`);
}

function remark({ heldOut: { agreement } }: Quantization, folder: string): string {
  if (agreement >= LEAST_AGREEMENT) return `, which predict uses from now on for ${folder}`;
  return `; fewer than ${100 * LEAST_AGREEMENT} % of the answers agree, so predict uses it with --precision int8 only`;
}
