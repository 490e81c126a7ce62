import { describe, expect, it } from "vitest";
import { BeitError } from "../platform/errors.ts";
import { createModels } from "./models.ts";
import type { ModelInfo, Purpose, Runner } from "./runner.ts";

/** Models of 10 bytes each that do nothing, with a diary of what is started and closed. */
function shelf(maxBytes: number, open?: (name: string, purpose: Purpose) => void, bytesOf = (_: string) => 10) {
  const diary: string[] = [];
  const models = createModels({
    names: ["a", "b", "c"],
    maxBytes,
    async open(name, purpose) {
      open?.(name, purpose);
      const info = { parameters: 1 } as ModelInfo;
      const runner = (): Runner => ({
        info,
        batcher: { submit: async () => [], reserve: () => () => undefined, waiting: 0, expectedMs: 0 },
        close: async () => void diary.push(`close ${name}`),
      });
      const start = async () => {
        diary.push(`start ${name}`);
        return runner();
      };
      return { info, bytes: bytesOf(name), start };
    },
  });
  return { models, diary, names: () => models.loaded().map(({ name }) => name) };
}

const nothing = async () => undefined;
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "fine",
    (error: BeitError) => error.code,
  );

describe("createModels", () => {
  it("loads on demand and once, the first where none is named", async () => {
    const { models, diary } = shelf(100);
    await Promise.all([models.use(undefined, "classify", nothing), models.use("a", "classify", nothing)]);
    await models.use("b", "classify", nothing);
    expect(diary).toEqual(["start a", "start b"]);
    expect(await codeOf(models.use("z", "classify", nothing))).toBe("model/unknown");
  });

  it("puts out what was used longest ago", async () => {
    const { models, diary, names } = shelf(20);
    for (const name of ["a", "b", "a", "c"]) await models.use(name, "classify", nothing);
    expect(diary).toEqual(["start a", "start b", "close b", "start c"]);
    expect(names()).toEqual(["a", "c"]);
  });

  it("puts nothing out for a model that does not fit in any case", async () => {
    const { models, names } = shelf(20, undefined, (name) => (name === "c" ? 21 : 10));
    await models.use("a", "classify", nothing);
    expect(await codeOf(models.use("c", "classify", nothing))).toBe("model/unavailable");
    expect(names()).toEqual(["a"]);
  });

  it("never puts out a model at work", async () => {
    const { models, diary } = shelf(10);
    let finish = () => {};
    const working = models.use("a", "classify", () => new Promise<void>((resolve) => (finish = resolve)));
    expect(await codeOf(models.use("b", "classify", nothing))).toBe("server/models-busy");
    finish();
    await working;
    expect(await codeOf(models.use("b", "classify", nothing))).toBe("fine");
    expect(diary).toEqual(["start a", "close a", "start b"]);
  });

  it("counts the purposes of a model apart", async () => {
    const { models, names } = shelf(20);
    await models.use("a", "classify", nothing);
    await models.use("a", "features", nothing);
    expect(names()).toEqual(["a", "a"]);
  });

  it("keeps the reason of a failed load from the client, and tries again", async () => {
    let broken = true;
    const { models } = shelf(100, () => {
      if (broken) throw new BeitError("file/unreadable", "/secret/place: cannot be read");
    });
    const error = await models.use("a", "classify", nothing).catch((failure: BeitError) => failure);
    expect(error).toMatchObject({ code: "model/unavailable", cause: { message: "/secret/place: cannot be read" } });
    expect((error as Error).message).not.toContain("secret");
    broken = false;
    expect(await codeOf(models.use("a", "classify", nothing))).toBe("fine");
  });

  it("says when a model alone is too large", async () => {
    const { models } = shelf(9);
    const error = await models.use("a", "classify", nothing).catch((failure: BeitError) => failure);
    expect(error).toMatchObject({ code: "model/unavailable", cause: { code: "model/too-large" } });
  });

  it("starts a model anew whose thread died", async () => {
    const { models, diary } = shelf(100);
    const die = async () => {
      throw new BeitError("thread/died", "gone");
    };
    expect(await codeOf(models.use("a", "classify", die))).toBe("thread/died");
    await models.use("a", "classify", nothing);
    expect(diary).toEqual(["start a", "close a", "start a"]);
  });
});
