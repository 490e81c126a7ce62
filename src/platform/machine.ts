import { availableParallelism, cpus, homedir, totalmem } from "node:os";
import { join } from "node:path";
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

/** The processor's name, such as "AMD EPYC 7763 64-Core Processor". */
export function processorName(): string {
  return cpus()[0]?.model.trim() ?? "unknown";
}

/**
 * Folder for what may be computed anew: below XDG_CACHE_HOME or ~/.cache; none for a user without a home.
 * @see XDG Base Directory Specification 0.8
 */
export function cacheFolder(): string | undefined {
  try {
    return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "beit");
  } catch {
    return undefined;
  }
}
