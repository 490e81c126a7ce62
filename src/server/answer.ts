import type { Context } from "hono";
import { requireLabel } from "../evaluate/explain.ts";
import { BeitError } from "../platform/errors.ts";
import { readBody } from "./body.ts";
import type { Clock } from "./clock.ts";
import { pictureParser, type Upload, uploadProblem } from "./pictures.ts";
import type { Outcome, Purpose, Runner } from "./runner.ts";
import type { RequestState, Services } from "./services.ts";

/** What a client is told of a picture that could not be read. */
export interface FailedRow {
  readonly file: string;
  readonly error: string;
  readonly code: string;
}

/** Rows of one request's pictures and the model that gave them. */
export interface Answer<Row> {
  readonly model: string;
  readonly runner: Runner;
  readonly rows: (Row | FailedRow)[];
}

const NAME = "picture"; // what messages of the decoder call it; file names stay here

/**
 * Reads the pictures of a request, sends them through a model and makes a row of each.
 * @param toRow makes the row of a picture that could be read
 * @throws BeitError for everything that concerns the whole request, and for its only picture
 */
export async function answerPictures<Row>(
  c: Context<RequestState>,
  services: Services,
  asked: { readonly purpose: Purpose; readonly model: string | undefined; readonly label?: string | undefined },
  toRow: (file: string, outcome: Exclude<Outcome, { readonly error: BeitError }>, runner: Runner) => Row,
): Promise<Answer<Row>> {
  const { models, limits, clock, budget, metrics } = services;
  const deadline = c.get("started") + limits.timeoutMs;
  const parse = pictureParser(c.req.raw.headers, limits);
  const work = models.use(asked.model, asked.purpose, async (runner, model) => {
    c.set("model", model);
    c.set("batcher", runner.batcher);
    if (asked.label !== undefined) requireLabel(asked.label, runner.info.config);
    const leave = runner.batcher.reserve(); // before the body is read: a full house says so at once, to all of a crowd
    try {
      await c.env.settled?.();
    } finally {
      leave(); // a body that is slow to come keeps no place
    }
    const hold = budget.open();
    try {
      const uploads = await parse(await readBody(c.req.raw, { limits, clock, hold }));
      c.set("pictures", uploads.length);
      const outcomes = await outcomesOf(uploads, asked.label, c.req.raw.signal, services, runner, deadline);
      const rows = uploads.map(({ file }, i) => {
        const outcome = outcomes[i]!;
        if ("logits" in outcome) return toRow(file, outcome, runner);
        if (uploads.length === 1) throw outcome.error;
        metrics.error(outcome.error.code);
        return failedRow(file, outcome.error);
      });
      return { model, runner, rows };
    } finally {
      hold.release();
    }
  });
  return before(deadline, clock, work);
}

/** An outcome for every upload, in order; what is too large does not reach the model. */
async function outcomesOf(
  uploads: readonly Upload[],
  label: string | undefined,
  signal: AbortSignal,
  { limits }: Services,
  { batcher }: Runner,
  deadline: number,
): Promise<Outcome[]> {
  const problems = uploads.map((upload) => uploadProblem(upload, limits));
  const readable = uploads
    .filter((_, i) => !problems[i])
    .map(({ bytes }) => ({ picture: { bytes, name: NAME }, label }));
  const scored = (await batcher.submit(readable, { signal, deadline })).values();
  return problems.map((error) => (error ? { error } : scored.next().value!));
}

function failedRow(file: string, { code, message }: BeitError): FailedRow {
  const prefix = `${NAME}: `;
  return { file, error: message.startsWith(prefix) ? message.slice(prefix.length) : message, code };
}

/** A result, if it comes before a time on the clock. @throws BeitError `server/timeout` */
async function before<T>(deadline: number, clock: Clock, work: Promise<T>): Promise<T> {
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    const message = "the answer took longer than the time limit: try again later";
    cancel = clock.after(deadline - clock.now(), () => reject(new BeitError("server/timeout", message)));
  });
  return Promise.race([work, late]).finally(cancel);
}
