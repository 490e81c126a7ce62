import { join } from "node:path";
import type { BeitError } from "../../src/platform/errors.ts";
import type { RunOptions } from "../../src/train/run.ts";
import { temporaryFolder } from "./shapes.ts";

/** A folder for a run, not there yet. */
export const newOutput = (): string => join(temporaryFolder(), "run");

interface AnyEvent {
  readonly kind: string;
  readonly step?: number;
}

/** Runs to the end, or until the step `stop` (or what it says of an event), and collects the events. */
export async function run<Event extends AnyEvent, Result>(
  start: (options: RunOptions) => AsyncGenerator<Event, Result>,
  options: RunOptions,
  stop?: number | ((event: Event) => boolean),
): Promise<{ events: Event[]; result: Result }> {
  const stops = typeof stop === "function" ? stop : ({ kind, step }: Event) => kind === "step" && step === stop;
  const abort = new AbortController();
  const generator = start({ logEvery: 1, ...options, signal: abort.signal });
  const events: Event[] = [];
  for (;;) {
    const { value, done } = await generator.next();
    if (done) return { events, result: value };
    events.push(value);
    if (stops(value)) abort.abort();
  }
}

interface Trained {
  readonly model: { readonly parameters: ReadonlyMap<string, { readonly data: Float32Array }> };
}

/** The parameters of a run's model, to be compared. */
export const bits = ({ model }: Trained) =>
  [...model.parameters].map(([name, { data }]) => [
    name,
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64"),
  ]);

/** The code of the error that is expected. */
export const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "no error",
    (error: BeitError) => error.code,
  );
