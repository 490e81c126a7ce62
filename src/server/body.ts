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

/**
 * The whole body of a request. What it says of its length is checked first, what comes is counted.
 * @throws BeitError `request/too-large`, `request/slow`, `request/aborted`, `server/too-many-bytes`
 */
export async function readBody(
  request: Request,
  { limits, clock, hold }: { readonly limits: Limits; readonly clock: Clock; readonly hold: Hold },
): Promise<Uint8Array> {
  const { maxBodyBytes, bodyTimeoutMs } = limits;
  if (Number(request.headers.get("content-length") ?? 0) > maxBodyBytes) throw tooLarge(maxBodyBytes);
  if (!request.body) return new Uint8Array();
  const reader = request.body.getReader();
  const late = alarm(clock, bodyTimeoutMs);
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read().catch(gone), late.rings]);
      if (done) return joined(parts, size);
      size += value.length;
      if (size > maxBodyBytes) throw tooLarge(maxBodyBytes);
      hold.take(value.length);
      parts.push(value);
    }
  } finally {
    late.cancel();
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
