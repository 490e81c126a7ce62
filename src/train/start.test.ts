import { describe, expect, it } from "vitest";
import { loadModel } from "../evaluate/model.ts";
import { packagePath } from "../platform/package.ts";
import { parseRecipe } from "./recipe.ts";
import { type StartOptions, startModel } from "./start.ts";

const forTwoClasses: StartOptions = {
  task: "classification",
  configure: (config) => ({ ...config, imageSize: [64, 64], labels: ["no", "yes"] }),
};

describe("startModel", () => {
  it("starts from the encoder that comes along unless told otherwise; the classifier is fresh", async () => {
    const start = await startModel(parseRecipe({}, {}, "r"), forTwoClasses);
    const shipped = await loadModel(packagePath("models/pretrained"));
    expect(start.from).toBe("pretrained");
    const encoder = [...shipped.parameters.keys()].filter((name) => name.includes("encoder.layer."));
    expect(encoder.length).toBeGreaterThan(150);
    expect(start.loaded).toEqual(expect.arrayContaining(encoder));
    expect(start.loaded.filter((name) => name.startsWith("classifier"))).toEqual([]);
    for (const name of encoder.filter((key) => key.endsWith("query.weight"))) {
      expect(start.parameters.get(name)!.data).toEqual(shipped.parameters.get(name)!.data);
    }
  });

  it("refuses a name it does not know, and tells those it knows", async () => {
    const unknown = startModel(parseRecipe({ model: "huge" }, {}, "r"), forTwoClasses);
    await expect(unknown).rejects.toMatchObject({
      code: "model/unknown",
      message: expect.stringContaining("pretrained"),
    });
  });
});
