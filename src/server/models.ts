import { BeitError } from "../platform/errors.ts";
import type { ModelInfo, OpenedModel, Purpose, Runner } from "./runner.ts";

/** How models are kept. */
export interface ModelsOptions {
  /** Names in the order given; the first is used where none is asked for. */
  readonly names: readonly string[];
  open(name: string, purpose: Purpose): Promise<OpenedModel>;
  /** Most bytes that models at work may take together, by their own estimates. */
  readonly maxBytes: number;
}

/** Models by name, loaded when they are first asked for; those unused for longest give way when memory runs out. */
export interface Models {
  readonly names: readonly string[];
  /**
   * Runs a task with a model, which stays loaded meanwhile.
   * @throws BeitError `model/unknown`, `server/models-busy`, `model/unavailable` (with the reason as its cause) where it
   * cannot be loaded, and what the task throws
   */
  use<T>(name: string | undefined, purpose: Purpose, task: (runner: Runner, name: string) => Promise<T>): Promise<T>;
  /** What is known of a model, which is read if it was not. @throws BeitError as {@link use} */
  info(name: string | undefined): Promise<{ readonly name: string; readonly info: ModelInfo }>;
  /** Models at work: name, purpose and pictures waiting. */
  loaded(): { readonly name: string; readonly purpose: Purpose; readonly waiting: number }[];
  close(): Promise<void>;
}

interface Loaded {
  readonly name: string;
  readonly purpose: Purpose;
  readonly bytes: number;
  readonly runner: Runner;
  users: number;
}

/** Nothing is loaded at first. */
export function createModels({ names, open, maxBytes }: ModelsOptions): Models {
  const loaded = new Map<string, Loaded>(); // in the order of last use
  const infos = new Map<string, ModelInfo>();
  let loading: Promise<unknown> = Promise.resolve();

  /** One load at a time, so that two do not count on the same memory. */
  function inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = loading.then(task);
    loading = result.catch(() => undefined);
    return result;
  }

  async function makeRoom(bytes: number): Promise<void> {
    if (bytes > maxBytes) {
      const megabytes = (size: number) => `${Math.ceil(size / 2 ** 20)} MB`;
      throw new BeitError("model/too-large", `needs ${megabytes(bytes)}, models may take ${megabytes(maxBytes)}`);
    }
    const entries = [...loaded.values()];
    const inUse = entries.reduce((sum, entry) => sum + (entry.users > 0 ? entry.bytes : 0), 0);
    if (inUse + bytes > maxBytes) throw busy();
    const used = () => [...loaded.values()].reduce((sum, entry) => sum + entry.bytes, 0);
    for (const [key, entry] of loaded) {
      if (used() + bytes <= maxBytes) break;
      if (entry.users > 0) continue;
      loaded.delete(key);
      await entry.runner.close();
    }
    if (used() + bytes > maxBytes) throw busy(); // asked for while others were being put out
  }

  async function read(name: string, purpose: Purpose): Promise<OpenedModel> {
    const opened = await open(name, purpose);
    infos.set(name, opened.info);
    return opened;
  }

  async function load(name: string, purpose: Purpose): Promise<Loaded> {
    const opened = await read(name, purpose);
    await makeRoom(opened.bytes);
    return { name, purpose, bytes: opened.bytes, runner: await opened.start(), users: 0 };
  }

  /** The entry of a key with one user more, so that it cannot be put out before its use begins. */
  function take(key: string, entry: Loaded): Loaded {
    entry.users++;
    loaded.delete(key);
    loaded.set(key, entry);
    return entry;
  }

  async function acquire(key: string, name: string, purpose: Purpose): Promise<Loaded> {
    const known = loaded.get(key);
    if (known) return take(key, known);
    return inTurn(async () => take(key, loaded.get(key) ?? (await load(name, purpose))));
  }

  function nameOf(given: string | undefined): string {
    const name = given ?? names[0]!;
    if (names.includes(name)) return name;
    throw new BeitError("model/unknown", `there is no model ${JSON.stringify(name)}; there are ${names.join(", ")}`);
  }

  async function use<T>(
    given: string | undefined,
    purpose: Purpose,
    task: (runner: Runner, name: string) => Promise<T>,
  ): Promise<T> {
    const name = nameOf(given);
    const key = `${purpose} ${name}`;
    const entry = await acquire(key, name, purpose).catch(unavailable);
    try {
      return await task(entry.runner, name);
    } catch (error) {
      if (isDead(error) && loaded.get(key) === entry) {
        loaded.delete(key); // the next request starts it anew
        void entry.runner.close();
      }
      throw error;
    } finally {
      entry.users--;
    }
  }

  return {
    names,
    use,
    async info(given) {
      const name = nameOf(given);
      const known = infos.get(name);
      if (known) return { name, info: known };
      const { info } = await inTurn(() => read(name, "features")).catch(unavailable);
      return { name, info };
    },
    loaded: () =>
      [...loaded.values()].map(({ name, purpose, runner }) => ({ name, purpose, waiting: runner.batcher.waiting })),
    close: () =>
      inTurn(async () => {
        const entries = [...loaded.values()];
        loaded.clear();
        await Promise.all(entries.map(({ runner }) => runner.close()));
      }),
  };
}

const isDead = (error: unknown) => error instanceof BeitError && error.code.startsWith("thread/");

const OWN = new Set(["server/models-busy", "model/not-a-classifier"]);

/** What went wrong with a model's files is the operator's to know, not the client's. */
function unavailable(error: unknown): never {
  if (error instanceof BeitError && OWN.has(error.code)) throw error;
  throw new BeitError("model/unavailable", "the model cannot be loaded: see the log of the service", { cause: error });
}

const busy = () => new BeitError("server/models-busy", "other models are at work and fill the memory: try again later");
