import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openTrainingData } from "./data.ts";
import { parseRecipe } from "./recipe.ts";

const root = mkdtempSync(join(tmpdir(), "beit-data-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
for (const [label, count] of [
  ["cat", 200],
  ["dog", 50],
] as const) {
  mkdirSync(join(root, "train", label), { recursive: true });
  mkdirSync(join(root, "validation", label), { recursive: true });
  for (let i = 0; i < count; i++) writeFileSync(join(root, "train", label, `${i}.jpg`), "");
  writeFileSync(join(root, "validation", label, "0.jpg"), "");
}

const opened = (labelFraction: number, seed = 1) =>
  openTrainingData(root, parseRecipe({ labelFraction, seed }, {}, "test"));
const count = (samples: readonly { label: number }[], label: number) => samples.filter((s) => s.label === label).length;

describe("labelFraction", () => {
  it("keeps so much of every class, and all of the validation pictures", async () => {
    const { samples, validation, epochLength } = await opened(0.1);
    expect([count(samples, 0), count(samples, 1), validation.length]).toEqual([20, 5, 2]);
    expect(epochLength).toBe(25);
  });

  it("keeps other pictures under another seed, the same under the same, and tells them apart", async () => {
    const [a, again, b] = await Promise.all([opened(0.1), opened(0.1), opened(0.1, 2)]);
    const ids = ({ samples }: typeof a) => samples.map(({ id }) => id);
    expect(ids(again)).toEqual(ids(a));
    expect(ids(b)).not.toEqual(ids(a));
    expect(b.fingerprint).not.toBe(a.fingerprint);
  });

  it("keeps every class however small it is", async () => {
    const { samples } = await opened(0.001);
    expect([count(samples, 0), count(samples, 1)].every((n) => n >= 1)).toBe(true);
  });
});

describe("pictures kept out of training", () => {
  const HEAD = "file_name,label,split,source,group";
  const PLAIN = ["1.jpg,cat,train,here,", "2.jpg,dog,train,here,", "3.jpg,cat,train,away,g", "4.jpg,dog,train,away,"];
  const UNLABELLED = [
    "5.jpg,,unlabelled,here,",
    "6.jpg,,unlabelled,away,",
    "7.jpg,,unlabelled,here,g",
    "8.jpg,,test,here,",
  ];

  /** A data set of this manifest, as a run with these settings opens it. */
  function listed(rows: readonly string[], settings: object) {
    const folder = mkdtempSync(join(root, "listed-"));
    writeFileSync(join(folder, "manifest.csv"), `${[HEAD, ...rows].join("\n")}\n`);
    for (const row of rows) writeFileSync(join(folder, row.split(",")[0]!), "");
    return openTrainingData(folder, parseRecipe(settings, {}, "test"));
  }
  const holdout = { key: "source", values: ["away"] };
  const extra = [{ split: "unlabelled", label: "dog" }];

  it("do not come back as unlabelled ones: of a source held out, of a group validated on, of the test split", async () => {
    const { samples, validation } = await listed([...PLAIN, ...UNLABELLED], { holdout, extra });
    expect(samples.map(({ id }) => id)).toEqual(["1.jpg", "2.jpg", "5.jpg"]);
    expect(validation.map(({ id }) => id)).toEqual(["3.jpg", "4.jpg"]);
    const away = [...PLAIN, UNLABELLED[1]!];
    await expect(listed(away, { holdout, extra })).rejects.toMatchObject({ code: "dataset/no-images" });
  });

  it("attributes to balance by that no picture has are refused", async () => {
    await expect(listed(PLAIN, { balance: { by: ["label", "sorce"] } })).rejects.toMatchObject({
      code: "dataset/unknown-attribute",
      message: "the pictures have no attribute sorce; they have source, split",
    });
  });

  it("a share of the labels that leaves a class without pictures is refused", async () => {
    const rows = [
      ...Array.from({ length: 20 }, (_, i) => `a${i}.jpg,cat,train,,`),
      "b.jpg,dog,train,,",
      "c.jpg,dog,validation,,",
      "d.jpg,cat,validation,,",
    ];
    await expect(listed(rows, { labelFraction: 0.1 })).rejects.toMatchObject({ code: "dataset/empty-class" });
  });

  it("are told apart, and so are attributes, by the fingerprint that a resumed run checks", async () => {
    const rows = [...PLAIN, "9.jpg,cat,validation,here,"];
    const digests = await Promise.all(
      [
        rows,
        rows.map((row) => row.replace("1.jpg,cat,train,here", "1.jpg,cat,train,there")),
        rows.with(-1, "0.jpg,cat,validation,here,"),
      ].map(async (manifest) => (await listed(manifest, {})).fingerprint),
    );
    expect(new Set(digests).size).toBe(3);
    expect((await listed(rows, {})).fingerprint).toBe(digests[0]);
  });
});
