import { BeitError } from "../platform/errors.ts";
import type { Clock } from "./clock.ts";
import type { Limits } from "./limits.ts";

/** Bytes that one request holds. */
export interface Hold {
  /** @throws BeitError `server/too-many-bytes` when all requests together would hold more than is allowed */
  take(bytes: number): void;
  release(): void;
}

/** Counts the bytes that requests hold together. */
export function createBudget(maxBytes: number): { open(): Hold } {
  let held = 0;
  return {
    open() {
      let own = 0;
      return {
        take(bytes) {
          if (held + bytes > maxBytes) {
            const message = "the pictures of other requests fill the memory: try again later";
            throw new BeitError("server/too-many-bytes", message);
          }
          held += bytes;
          own += bytes;
        },
        release() {
          held -= own;
          own = 0;
        },
      };
    },
  };
}

/** Whose bodies are read in one go: no more than 4,096 connections that send nothing could hold in the budget. */
const SMALL_BODY_BYTES = 2 ** 16;

/**
 * The whole body of a request. What it says of its length is checked first, what comes is counted.
 * @throws BeitError `request/too-large`, `request/slow`, `request/aborted`, `server/too-many-bytes`
 */
export async function readBody(
  request: Request,
  { limits, clock, hold }: { readonly limits: Limits; readonly clock: Clock; readonly hold: Hold },
): Promise<Uint8Array> {
  const { maxBodyBytes, bodyTimeoutMs } = limits;
  const declared = Number(request.headers.get("content-length") ?? Number.NaN);
  if (declared > maxBodyBytes) throw tooLarge(maxBodyBytes);
  const late = alarm(clock, bodyTimeoutMs);
  try {
    return await (declared <= SMALL_BODY_BYTES
      ? readAtOnce(request, declared, hold, late.rings)
      : readInParts(request, maxBodyBytes, hold, late.rings));
  } finally {
    late.cancel();
  }
}

/** A body of known length; the HTTP parser lets no more through. Cheaper for the main thread than a stream. */
async function readAtOnce(request: Request, length: number, hold: Hold, late: Promise<never>): Promise<Uint8Array> {
  hold.take(length);
  return new Uint8Array(await Promise.race([request.arrayBuffer().catch(gone), late]));
}

async function readInParts(request: Request, maxBytes: number, hold: Hold, late: Promise<never>): Promise<Uint8Array> {
  if (!request.body) return new Uint8Array();
  const reader = request.body.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await Promise.race([reader.read().catch(gone), late]);
    if (done) return joined(parts, size);
    size += value.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    hold.take(value.length);
    parts.push(value);
  }
}

function alarm(clock: Clock, ms: number): { rings: Promise<never>; cancel: () => void } {
  let cancel = () => {};
  const rings = new Promise<never>((_, reject) => {
    cancel = clock.after(ms, () => {
      reject(new BeitError("request/slow", `the body did not arrive within ${ms / 1000} seconds`));
    });
  });
  rings.catch(() => undefined); // raced above; may ring when nobody listens any more
  return { rings, cancel };
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const body = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

function tooLarge(maxBytes: number): BeitError {
  return new BeitError("request/too-large", `the body is larger than ${megabytes(maxBytes)}, the limit`);
}

function gone(error: unknown): never {
  throw new BeitError("request/aborted", "the body ended early", { cause: error });
}

/** Bytes as people read them. */
export const megabytes = (bytes: number): string => `${+(bytes / 2 ** 20).toFixed(1)} MB`;
