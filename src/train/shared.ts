/** Numbers in memory that threads share. */
export const sharedArray = (length: number): Float32Array =>
  new Float32Array(new SharedArrayBuffer(Math.max(4, length * 4)), 0, length);

/** The same numbers in memory that threads share. */
export function share(data: Float32Array): Float32Array {
  const shared = sharedArray(data.length);
  shared.set(data);
  return shared;
}
