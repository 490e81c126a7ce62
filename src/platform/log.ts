import { destination, pino } from "pino";

/** One thing that happened; numbers, texts and flags by name. */
export interface LogEntry {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly [field: string]: string | number | boolean | undefined;
}

/** Where entries go. */
export interface Log {
  write(entry: LogEntry): void;
  /** Writes out what is still held. */
  flush(): void;
}

const MAX_HELD_BYTES = 2 ** 20; // beyond, entries are dropped: a reader that stands still must not fill the memory

/** Entries as lines of JSON on standard output, written beside the work. */
export function createLog(): Log {
  const output = destination({ dest: 1, sync: false, maxLength: MAX_HELD_BYTES });
  output.on("error", () => undefined); // a reader that went away is no reason to stop serving
  const logger = pino(
    {
      base: null,
      messageKey: "message",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
  return {
    write: ({ level, message, ...fields }) => logger[level](fields, message),
    flush() {
      try {
        output.flushSync();
      } catch {
        // as above
      }
    },
  };
}
