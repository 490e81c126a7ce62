import { digest, digestFiles, readFile, readJson } from "#platform/files";
import { pathKind } from "#platform/folders";
import { isRecord } from "../checkpoint/json.ts";
import { SAVE_ID, weightFiles } from "../checkpoint/weight-files.ts";
import { BeitError } from "../platform/errors.ts";

/** What a model is run with: bytes, float32, or bytes where they were measured to answer alike. */
export type Precision = "auto" | "fp32" | "int8";

/** Where a model folder keeps its int8 form, and what was measured of it. */
export const QUANTIZED_FILES = { model: "onnx/model_quantized.onnx", report: "onnx/quantization.json" } as const;

/** Share of pictures that int8 must answer as float32 does, to be taken without being asked for. */
export const LEAST_AGREEMENT = 0.995;

/** What a reader needs of `onnx/quantization.json`: the files it is about, and how well the two forms agree. */
interface Report {
  readonly weights_sha256: string;
  readonly model_sha256: string;
  readonly agreement: number;
}

const isReport = (json: unknown): json is Report =>
  isRecord(json) &&
  typeof json.weights_sha256 === "string" &&
  typeof json.model_sha256 === "string" &&
  typeof json.agreement === "number";

/**
 * SHA-256 of the files with a model folder's weights, and of the id of the save they were written by. Reading the weights
 * themselves would take most of the time that a prediction needs.
 * @throws BeitError as `weightFiles`
 */
export async function weightsDigest(folder: string): Promise<string> {
  const config = await readJson(`${folder}/config.json`);
  return digestFiles(String(isRecord(config) ? config[SAVE_ID] : ""), await weightFiles(folder));
}

/** ONNX's name for where a tensor lies outside the file. onnxruntime would look for it from the working folder on. */
const EXTERNAL_DATA_KEY = new TextEncoder().encode("location");

function holds(bytes: Uint8Array, part: Uint8Array): boolean {
  for (let at = bytes.indexOf(part[0]!); at >= 0; at = bytes.indexOf(part[0]!, at + 1)) {
    if (part.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}

/** An int8 form that was found, or why it is not used. */
type Found = { readonly bytes: Uint8Array; readonly agreement: number } | { readonly problem: string };

async function findQuantized(folder: string): Promise<Found | undefined> {
  const [modelPath, reportPath] = [`${folder}/${QUANTIZED_FILES.model}`, `${folder}/${QUANTIZED_FILES.report}`];
  if ((await pathKind(modelPath)) !== "file" || (await pathKind(reportPath)) !== "file") return undefined;
  const report = await readJson(reportPath).catch(() => undefined);
  if (!isReport(report)) return { problem: `${reportPath}: is not a report of beit quantize` };
  const { weights_sha256, model_sha256, agreement } = report;
  if (weights_sha256 !== (await weightsDigest(folder))) return { problem: `${modelPath}: was made of other weights` };
  const bytes = await readFile(modelPath);
  if (digest(bytes) !== model_sha256) return { problem: `${modelPath}: is not the file that ${reportPath} is about` };
  if (holds(bytes, EXTERNAL_DATA_KEY)) {
    return { problem: `${modelPath}: keeps weights in other files, which beit quantize never does` };
  }
  return { bytes, agreement };
}

/**
 * The int8 form of a model folder, when it is to be used; undefined for float32. `auto` takes it where it belongs to these
 * weights and answered at least {@link LEAST_AGREEMENT} of the held-out pictures as float32 does.
 * @param onRemark told why a form that is there is not used
 * @throws BeitError `model/no-int8` when `int8` was asked for and there is none of these weights
 */
export async function quantizedForm(
  folder: string,
  precision: Precision,
  onRemark: (text: string) => void = () => undefined,
): Promise<Uint8Array | undefined> {
  if (precision === "fp32") return undefined;
  const found = await findQuantized(folder);
  const command = `beit quantize ${folder} --calibrate DATASET`;
  if (found && "bytes" in found) {
    return precision === "int8" || found.agreement >= LEAST_AGREEMENT ? found.bytes : undefined;
  }
  if (precision === "int8") {
    const problem = found?.problem ?? `${folder}: has no int8 form (${QUANTIZED_FILES.model} and its report)`;
    throw new BeitError("model/no-int8", `${problem}; make it with ${command}`);
  }
  if (found) onRemark(`${found.problem}; using float32 (${command} makes it anew)`);
  return undefined;
}
