import { BeitError } from "../platform/errors.ts";
import type { Random } from "../tensor/random.ts";
import { roundHalfEven } from "../tensor/round.ts";
import type { Window } from "./position.ts";

/** What blockwise masking aims for. */
export interface BlockMaskOptions {
  /** Patches to mask at most; 75 of 14 x 14 in BEiT's recipes. */
  readonly count: number;
  /** Smallest area drawn for a block, in patches; 16 in the recipes. */
  readonly minBlock?: number;
  /** Largest number of patches a block may add; `count` by default. */
  readonly maxBlock?: number;
  /** Height over width lies in [minAspect, 1 / minAspect], log-uniform; 0.3 in the recipes. */
  readonly minAspect?: number;
}

/** A rectangle of patches. */
export interface Block {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** Masked patches of one image. */
export interface BlockMask {
  /** [Wh * Ww] row-major, 1 where masked. */
  readonly mask: Uint8Array;
  /** Ones in `mask`: at most the count asked for, often a few less. */
  readonly count: number;
  /** The rectangles laid, in order; they may overlap. */
  readonly blocks: readonly Block[];
}

const attempts = 10; // microsoft/unilm beit/masking_generator.py _mask

function checkCount([height, width]: Window, count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= height * width) return;
  const expected = `a whole number of patches from 1 to ${height * width} (${height} x ${width})`;
  throw new BeitError("beit/mask-count", `mask: expected ${expected}, got ${count}`);
}

function maskedIn(mask: Uint8Array, columns: number, { top, left, height, width }: Block): number {
  let sum = 0;
  for (let y = top; y < top + height; y++) for (let x = left; x < left + width; x++) sum += mask[y * columns + x]!;
  return sum;
}

/** A rectangle of about U(minBlock, room) patches somewhere; undefined when it would span a whole row or column. */
function drawBlock([rows, columns]: Window, minBlock: number, room: number, minAspect: number, random: Random) {
  const area = random.uniform(minBlock, room); // with room < minBlock it lies between them all the same, as in Python
  const aspect = Math.exp(random.uniform(Math.log(minAspect), Math.log(1 / minAspect)));
  const height = roundHalfEven(Math.sqrt(area * aspect));
  const width = roundHalfEven(Math.sqrt(area / aspect));
  if (height >= rows || width >= columns) return undefined;
  const top = random.integer(rows - height + 1);
  const left = random.integer(columns - width + 1);
  return { top, left, height, width };
}

/**
 * BEiT's blockwise masking: rectangles until `count` patches are masked or ten draws in a row add none that fits. It
 * never masks more than `count` and often less: of 75 in 14 x 14, exactly 75 in two draws of three, 74.46 on average.
 * @throws BeitError `beit/mask-count` when `count` is not in 1 … patches
 * @see Bao et al. 2022, "BEiT"; microsoft/unilm beit/masking_generator.py, which this follows draw by draw
 */
export function blockMask(window: Window, options: BlockMaskOptions, random: Random): BlockMask {
  const { count, minBlock = 16, maxBlock = count, minAspect = 0.3 } = options;
  checkCount(window, count);
  const mask = new Uint8Array(window[0] * window[1]);
  const blocks: Block[] = [];
  let masked = 0;
  for (let failures = 0; masked < count && failures < attempts; failures++) {
    const room = Math.min(count - masked, maxBlock);
    const block = drawBlock(window, minBlock, room, minAspect, random);
    if (!block) continue;
    const added = block.height * block.width - maskedIn(mask, window[1], block);
    if (added <= 0 || added > room) continue;
    for (let y = block.top; y < block.top + block.height; y++) {
      mask.fill(1, y * window[1] + block.left, y * window[1] + block.left + block.width);
    }
    blocks.push(block);
    masked += added;
    failures = -1;
  }
  return { mask, count: masked, blocks };
}

/**
 * Exactly `count` patches anywhere, each set equally likely: the ablation "without blockwise masking". [Wh * Ww], 1
 * where masked.
 * @throws BeitError `beit/mask-count` when `count` is not in 1 … patches
 */
export function randomMask(window: Window, count: number, random: Random): Uint8Array {
  checkCount(window, count);
  const patches = window[0] * window[1];
  const mask = new Uint8Array(patches);
  for (const i of random.shuffle(Array.from({ length: patches }, (_, i) => i)).slice(0, count)) mask[i] = 1;
  return mask;
}

/**
 * `perCell` patches of every 2 × 2 cell of a window with even sides, ascending: a part of the picture that leaves no
 * region out. Int32Array of rows · columns / 4 · perCell.
 */
export function cellPatches([rows, columns]: Window, perCell: number, random: Random): Int32Array {
  const kept: number[] = [];
  for (let y = 0; y < rows; y += 2) {
    for (let x = 0; x < columns; x += 2) {
      const corner = y * columns + x;
      kept.push(...random.shuffle([corner, corner + 1, corner + columns, corner + columns + 1]).slice(0, perCell));
    }
  }
  return Int32Array.from(kept).sort();
}
