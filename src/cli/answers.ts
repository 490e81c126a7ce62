import type { Classifier } from "../evaluate/predictor.ts";
import { BeitError } from "../platform/errors.ts";
import { digest } from "../platform/files.ts";
import { type Journal, openJournal } from "../platform/journal.ts";
import type { Prediction } from "../report/predictions.ts";

/** What must be equal for answers to go into one file. */
export interface Conditions {
  /** Digest of what computes: configuration, processor and weights. */
  readonly model: string;
  readonly topK: number;
}

/** Answers on their way into a file: what an interrupted run found is kept for the next one. */
export interface Answers {
  /** Pictures answered already: the first ones of the list. */
  readonly done: number;
  add(row: Prediction): Promise<void>;
  /** All of them, in order. */
  rows(): AsyncGenerator<Prediction, void, void>;
  /** Keeps them for the next run; leaves nothing where there are none. */
  keep(): Promise<void>;
  remove(): Promise<void>;
}

/** A digest of everything in a model that its answers depend on. */
export function modelDigest({ config, processor, parameters, quantized }: Classifier): string {
  const weights = [...(parameters ?? [])].flatMap(([name, { data }]) => [
    `${name}\0`,
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ]);
  return digest(JSON.stringify([config, processor]), ...(quantized ? [quantized] : weights));
}

/**
 * Opens the answers for a file, which lie in `OUTPUT.partial` until all are there, as JSON lines: the conditions, then the
 * rows so far.
 * @param files the pictures to answer, in order, by the names they are shown under
 * @throws BeitError `predict/other-conditions` or `predict/other-pictures` when the file is of another task,
 * `predict/not-a-partial` when it is something else; `file/…`
 */
export async function openAnswers(output: string, conditions: Conditions, files: readonly string[]): Promise<Answers> {
  const path = `${output}.partial`;
  const journal = await openJournal(path, output);
  let count = await resume(journal, path, conditions, files).catch(async (error: unknown) => {
    await journal.close();
    throw error;
  });
  return {
    done: count,
    add(row) {
      count++;
      return journal.append(JSON.stringify(row));
    },
    async *rows() {
      await journal.flush();
      let first = true;
      for await (const line of journal.lines()) {
        if (!first) yield JSON.parse(line) as Prediction;
        first = false;
      }
    },
    keep: () => (count > 0 ? journal.close() : journal.remove()),
    remove: () => journal.remove(),
  };
}

/** Checks what an earlier run left and counts its answers; a new file gets its first line. */
async function resume(journal: Journal, path: string, conditions: Conditions, files: readonly string[]) {
  let count = -1; // the first line is no answer
  for await (const line of journal.lines()) {
    if (count < 0) checkConditions(line, path, conditions);
    else checkPicture(line, path, files[count], count);
    count++;
  }
  if (count < 0 && !journal.fresh) parseLine("", path);
  if (count < 0) await journal.append(JSON.stringify({ beit: "predictions", ...conditions }));
  return Math.max(count, 0);
}

const hint = "remove it to start anew, or choose another --output";

function parseLine(line: string, path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {}
  throw new BeitError("predict/not-a-partial", `${path}: is not what an interrupted prediction leaves; ${hint}`);
}

function checkConditions(line: string, path: string, conditions: Conditions): void {
  const { beit, ...found } = parseLine(line, path);
  if (beit !== "predictions") parseLine("", path);
  for (const [key, wanted] of Object.entries(conditions)) {
    if (found[key] === wanted) continue;
    const what = key === "model" ? "with another model" : `with ${key} ${found[key]}, not ${wanted}`;
    throw new BeitError("predict/other-conditions", `${path}: was begun ${what}; ${hint}`);
  }
}

function checkPicture(line: string, path: string, expected: string | undefined, index: number): void {
  const { file } = parseLine(line, path);
  if (file === expected) return;
  const message = `answer ${index + 1} is of ${file}, the list has ${expected ?? "no more pictures"} there`;
  throw new BeitError("predict/other-pictures", `${path}: was begun with other pictures: ${message}; ${hint}`);
}
