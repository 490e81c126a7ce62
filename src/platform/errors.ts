/** Something the user can act on: a bad argument, file, picture, dataset or checkpoint. */
export class BeitError extends Error {
  override readonly name = "BeitError";

  constructor(
    /** Stable, machine-readable: `"image/not-an-image"`, `"checkpoint/truncated"`, `"dataset/one-class"` … */
    readonly code: string,
    /** What was expected, what came, and which file. */
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
