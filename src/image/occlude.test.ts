import { expect, test } from "vitest";
import type { Pixels } from "../tensor/pixels.ts";
import { random } from "../tensor/random.ts";
import { type FaceGeometry, paintMask, paintOccluder } from "./occlude.ts";

const geometry: FaceGeometry = {
  leftEye: [0.3, 0.38],
  rightEye: [0.7, 0.38],
  noseTip: [0.5, 0.62],
  mouth: [0.5, 0.78],
  chin: [0.5, 0.95],
  leftCheek: [0.15, 0.62],
  rightCheek: [0.85, 0.62],
  spread: 0,
};

/** A skin-coloured picture with a smooth gradient, so that something is always there to change. */
function face(width: number, height: number, grey = false): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const fall = 20 * Math.sin(i / width / 9);
    data.set(grey ? [150 + fall, 150 + fall, 150 + fall] : [200 + fall, 150 + fall, 125 + fall], i * 3);
  }
  return { width, height, data };
}

/** The share of the pixels of a relative rectangle that changed by over 5 grey levels. */
function change(before: Pixels, after: Pixels, [left, top, right, bottom]: readonly number[]) {
  let changed = 0;
  let count = 0;
  for (let y = Math.floor(top! * before.height); y < bottom! * before.height; y++) {
    for (let x = Math.floor(left! * before.width); x < right! * before.width; x++) {
      const at = (y * before.width + x) * 3;
      const by = Math.max(...[0, 1, 2].map((c) => Math.abs(before.data[at + c]! - after.data[at + c]!)));
      if (by > 5) changed++;
      count++;
    }
  }
  return changed / count;
}

test("a mask covers nose, mouth and chin and leaves eyes and forehead alone", () => {
  const before = face(120, 140);
  for (let seed = 0; seed < 60; seed++) {
    const after = paintMask(before, geometry, random(seed));
    expect(change(before, after, [0.42, 0.62, 0.58, 0.85]), `seed ${seed}`).toBeGreaterThan(0.8);
    expect(change(before, after, [0.25, 0, 0.75, 0.38]), `seed ${seed}`).toBeLessThan(0.02);
  }
});

test("an occluder of the upper kind leaves nose and mouth alone", () => {
  const before = face(120, 140);
  const changes = Array.from({ length: 60 }, (_, seed) => {
    const after = paintOccluder(before, geometry, random(seed), "upper");
    return change(before, after, [0.35, 0.6, 0.65, 0.85]);
  });
  expect(changes.filter((share) => share > 0.02).length).toBeLessThan(12); // the scribble may cross
});

test("an occluder changes something, and never the whole lower face", () => {
  const before = face(120, 140);
  for (let seed = 0; seed < 80; seed++) {
    const after = paintOccluder(before, geometry, random(seed));
    expect(change(before, after, [0.1, 0.3, 0.9, 0.9]), `seed ${seed}`).toBeLessThan(0.75);
  }
});

test("the same stream paints the same picture, another paints another; the original stays", () => {
  const before = face(90, 100);
  const copy = before.data.slice();
  for (const paint of [paintMask, paintOccluder]) {
    const first = paint(before, geometry, random(5, "paint"));
    expect(first.data).toEqual(paint(before, geometry, random(5, "paint")).data);
    expect(first.data).not.toEqual(paint(before, geometry, random(6, "paint")).data);
  }
  expect(before.data).toEqual(copy);
});

test("a greyscale picture stays grey", () => {
  const before = face(80, 80, true);
  for (let seed = 0; seed < 20; seed++) {
    const { data } = paintMask(before, geometry, random(seed));
    let tint = 0;
    for (let i = 0; i < data.length; i += 3) {
      tint = Math.max(tint, Math.abs(data[i]! - data[i + 1]!), Math.abs(data[i]! - data[i + 2]!));
    }
    expect(tint).toBeLessThan(2);
  }
});

test.each([
  [1, 1],
  [2, 1],
  [1, 9],
  [7, 5],
  [24, 24],
])("a picture of %i × %i px is safe", (width, height) => {
  const before = face(width, height);
  for (let seed = 0; seed < 40; seed++) {
    for (const after of [
      paintMask(before, geometry, random(seed)),
      paintOccluder(before, geometry, random(seed)),
      paintOccluder(before, { ...geometry, spread: 0.25, chin: [2, 3], leftCheek: [-1, 0.6] }, random(seed)),
    ]) {
      expect(after.data.length).toBe(width * height * 3);
    }
  }
});

test("points that fall together make no mask but do no harm", () => {
  const point = [0.5, 0.5] as const;
  const none = { leftEye: point, rightEye: point, noseTip: point, mouth: point, chin: point };
  const after = paintMask(face(30, 30), { ...none, leftCheek: point, rightCheek: point, spread: 0 }, random(1));
  expect(after.data.length).toBe(2700);
});
