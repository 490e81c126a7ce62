import { calibrateClassifier } from "../evaluate/calibrate.ts";
import { loadClassifier } from "../evaluate/pipeline.ts";
import { openOutput, say, wantsColor } from "../platform/console.ts";
import { calibrationRecord, calibrationSentence, formatCalibration } from "../report/calibration.ts";
import { drawnBy } from "./drawn.ts";
import { createProgress } from "./progress.ts";
import { requireFree, type WriteOptions, withCardSection, writeModel } from "./write-model.ts";

/** What `beit calibrate` was asked for. */
export interface CalibrateCommandOptions extends WriteOptions {
  readonly split?: string;
  readonly shift?: ReadonlyMap<string, number>;
  readonly workers?: number;
  readonly json?: boolean;
}

/** Writes a classifier with calibrated scores; resolves to the exit code: 1 when pictures could not be read. */
export async function runCalibrate(path: string, dataset: string, options: CalibrateCommandOptions): Promise<number> {
  await requireFree(options);
  const model = await loadClassifier(path);
  const { split, shift, workers } = options;
  const progress = createProgress();
  const result = await calibrateClassifier(model, dataset, {
    ...(split === undefined ? {} : { split }),
    ...(shift === undefined ? {} : { shift }),
    ...(workers === undefined ? {} : { workers }),
    drawn: await drawnBy(path),
    onProgress: progress.update,
  }).finally(progress.finish);
  const sentence = `${calibrationSentence(result)} Figures above are from before.`;
  await writeModel(withCardSection(result.model, "Calibration", sentence), options);
  const output = await openOutput();
  const text = options.json
    ? JSON.stringify(calibrationRecord(result), null, 2)
    : formatCalibration(result, { color: wantsColor() });
  await output.write(`${text}\n`);
  await output.commit();
  for (const { error } of result.unreadable) say(`beit: ${error}`);
  return result.unreadable.length > 0 ? 1 : 0;
}
