import { BeitError } from "../errors.ts";
import type { Workers } from "../threads.ts";

/** @throws BeitError `thread/not-started` always: how a worker is loaded is the bundler's matter */
export async function startWorkers<Request, Response>(entry: string): Promise<Workers<Request, Response>> {
  const hint = "use 0 workers, and call the pipeline from a Worker of your own to keep the page free";
  throw new BeitError("thread/not-started", `${entry}: threads cannot be started in a browser; ${hint}`);
}
