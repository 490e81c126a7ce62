import type { ContentfulStatusCode } from "hono/utils/http-status";
import { BeitError } from "../platform/errors.ts";

/** Status of every error a client may see, by its code; a code that is not here is a fault of the service. */
const statuses: Readonly<Record<string, ContentfulStatusCode>> = {
  "request/bad-body": 400,
  "request/unauthorized": 401,
  "request/not-found": 404,
  "request/method-not-allowed": 405,
  "request/slow": 408,
  "request/too-large": 413,
  "request/too-many-files": 413,
  "request/unsupported-type": 415,
  "request/invalid": 422,
  "request/no-pictures": 422,
  "image/not-an-image": 415,
  "image/too-large": 413,
  "image/file-too-large": 413,
  "image/empty": 422,
  "image/truncated": 422,
  "model/unknown": 404,
  "model/not-a-classifier": 422,
  "explain/unknown-label": 422,
  "model/unavailable": 503,
  "server/queue-full": 429,
  "server/too-many-bytes": 429,
  "server/timeout": 503,
  "server/models-busy": 503,
  "server/stopping": 503,
  "thread/died": 503,
  "thread/closed": 503,
};

/** Status that nobody sees: the client has closed the connection (nginx's number). */
const GONE = 499 as ContentfulStatusCode;

/** What a client is told of an error. */
export interface Failure {
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly message: string;
}

/** The answer to an error; messages of faults and of threads stay in the log. */
export function failureOf(error: unknown): Failure {
  if (error instanceof BeitError) {
    const { code, message } = error;
    if (code === "request/aborted") return { status: GONE, code, message };
    const status = statuses[code];
    if (status && code.startsWith("thread/")) {
      return { status, code: "server/restarting", message: "the model had to be started anew: try again later" };
    }
    if (status) return { status, code, message };
  }
  return { status: 500, code: "server/fault", message: "a fault of the service, which its log describes" };
}

/** Whether trying again later may help. */
export const isPassing = ({ status }: Failure): boolean => status === 429 || status === 503;
