import { availableParallelism, totalmem } from "node:os";
import { constrainedMemory } from "node:process";

/** Cores this process may use. */
export function coreCount(): number {
  return availableParallelism();
}

/** Bytes of memory this process may use: the machine's, or a container's limit when that is lower. */
export function memoryBytes(): number {
  const limit = constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
