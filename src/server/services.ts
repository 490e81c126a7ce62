import type { LogEntry } from "../platform/log.ts";
import type { Batcher } from "./batcher.ts";
import type { createBudget } from "./body.ts";
import type { Clock } from "./clock.ts";
import type { Failure } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import type { Models } from "./models.ts";
import type { Site } from "./site.ts";

/** All that the application needs of the world. */
export interface Services {
  readonly models: Models;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly budget: ReturnType<typeof createBudget>;
  readonly metrics: Metrics;
  readonly access: Access;
  /** The page of the first model; none: no page is served. */
  readonly site?: (() => Promise<Site>) | undefined;
  log(entry: LogEntry): void;
  /** Whether the service is about to end: answers then close their connections. */
  isStopping(): boolean;
}

/** Who may ask. */
export interface Access {
  /** Bearer token that requests must bring; none: everybody may ask. */
  readonly token?: string | undefined;
  /** Origins of web pages that may read answers, such as `https://example.org`; none: no page may. */
  readonly origins: readonly string[];
}

/** What a request carries through the middleware. */
export interface RequestState {
  Bindings: {
    /** See {@link Fetch}. */
    settled?: () => Promise<void>;
  };
  Variables: {
    requestId: string;
    /** Time on the clock when it came. */
    started: number;
    model?: string;
    pictures?: number;
    batcher?: Pick<Batcher<unknown, unknown>, "expectedMs">;
    failure?: Failure;
    /** What the log is told of a fault and the client is not. */
    reason?: string;
  };
}
