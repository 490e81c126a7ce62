import { InvalidArgumentError } from "commander";

/** One of `count` parts of a list; `index` counts from 1, as in `--shard 1/4` of test runners. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** An option's text "i/n" as a shard. */
export function shard(text: string): Shard {
  const [, index, count] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (index && count && index <= count && Number.isSafeInteger(count)) return { index, count };
  throw new InvalidArgumentError("Expected i/n with i from 1 to n, such as 1/4.");
}

/**
 * The part of a list that a shard stands for: a run of neighbours, so that the answers of shards 1 to n put one after the
 * other are those of the whole list. Sizes differ by one at most.
 */
export function takeShard<T>(items: readonly T[], { index, count }: Shard): T[] {
  const edge = (shards: number) => Math.floor((items.length * shards) / count);
  return items.slice(edge(index - 1), edge(index));
}
