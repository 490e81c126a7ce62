/** What a service takes on. */
export interface Limits {
  /** Bytes of a request's body. */
  readonly maxBodyBytes: number;
  /** Bytes of one picture's file. */
  readonly maxFileBytes: number;
  /** Pictures of one request. */
  readonly maxFiles: number;
  /** Width x height of a picture, told from its header before it is decoded. */
  readonly maxPixels: number;
  /** Bytes of all bodies held at the same time, being read or waiting for an answer. */
  readonly maxHeldBytes: number;
  /** Pictures waiting for a model. */
  readonly maxQueue: number;
  /** Pictures that go through a model at once. */
  readonly maxBatch: number;
  /** How long the first picture of a batch waits for others, in milliseconds. */
  readonly windowMs: number;
  /** How long a body may take to arrive, in milliseconds. */
  readonly bodyTimeoutMs: number;
  /** How long a request may take in all, in milliseconds. */
  readonly timeoutMs: number;
}

const MEBIBYTE = 2 ** 20;

/** Limits unless said otherwise. */
export const defaultLimits: Limits = {
  maxBodyBytes: 64 * MEBIBYTE,
  maxFileBytes: 32 * MEBIBYTE,
  maxFiles: 32,
  maxPixels: 50_000_000,
  maxHeldBytes: 256 * MEBIBYTE,
  maxQueue: 128,
  maxBatch: 8,
  windowMs: 3,
  bodyTimeoutMs: 15_000,
  timeoutMs: 30_000,
};
