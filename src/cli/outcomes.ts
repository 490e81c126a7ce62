import type { Picture } from "../evaluate/batch.ts";
import type { Predictor, PredictorOptions } from "../evaluate/predictor.ts";
import type { Source } from "./pictures.ts";
import { createProgress } from "./progress.ts";

/** What a model made of a source, or why it could not be read; the reason does not name the file again. */
export type Outcome =
  | { readonly file: string; readonly numbers: Float32Array }
  | { readonly file: string; readonly error: string };

const FEW = 16; // pictures below which starting threads takes longer than it saves

/** The outcome of every source, in order, as they come; tells on standard error how far it is. */
export async function* outcomesOf(
  sources: readonly Source[],
  start: (options: PredictorOptions) => Promise<Predictor>,
  workers?: number,
): AsyncGenerator<Outcome, void, void> {
  const pictures = sources.flatMap((source): Picture[] => ("picture" in source ? [source.picture] : []));
  const threads = workers ?? (pictures.length < FEW ? 0 : undefined);
  const predictor = await start(threads === undefined ? {} : { workers: threads });
  const outcomes = predictor.scores(pictures);
  const progress = createProgress();
  try {
    for (const [done, source] of sources.entries()) {
      if ("error" in source) {
        yield source;
        continue;
      }
      const { value: outcome } = await outcomes.next();
      const { file, picture } = source;
      if (!outcome) return;
      if ("error" in outcome) yield { file, error: withoutName(outcome.error.message, picture) };
      else yield { file, numbers: outcome.logits };
      progress.update(done + 1, sources.length);
    }
  } finally {
    progress.finish();
    await predictor.close();
  }
}

/** A message without the name it begins with: the row has that already. */
function withoutName(message: string, picture: Picture): string {
  const name = typeof picture === "string" ? picture : "name" in picture ? picture.name : "";
  return message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
}
