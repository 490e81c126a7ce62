import { afterAll, beforeAll, expect, it } from "vitest";
import type { Service } from "../../src/server/service.ts";
import { jpeg, png } from "../cli/run.ts";
import { hostileRequest } from "./hostile.ts";
import { errorOf, get, postPicture, serviceOf, writeModels } from "./service.ts";

const COUNT = Number(process.env.BEIT_HOSTILE_REQUESTS ?? 300);
const EXPECTED = new Set([200, 400, 404, 405, 408, 413, 415, 422]);

let models: Map<string, string>;
let service: Service;

beforeAll(async () => {
  models = await writeModels();
  service = serviceOf(models, { limits: { maxBodyBytes: 200_000, maxPixels: 1_000_000 } }).service;
});
afterAll(() => service.close());

it(`answers ${COUNT} hostile requests without a fault, and honest ones between them with their own scores`, async () => {
  const pictures = (await Promise.all([jpeg(70, "h1"), png(160, "h2")])).map((bytes) => Uint8Array.from(bytes));
  const honest = async () => (await service.fetch(postPicture("/v1/classify", pictures[0]!))).text();
  const expected = await honest();
  const statuses = new Map<number, number>();
  const odd: string[] = [];
  for (let seed = 0; seed < COUNT; seed += 10) {
    const seeds = Array.from({ length: 10 }, (_, i) => seed + i);
    const answers = seeds.map(async (each) => {
      const request = hostileRequest(each, pictures);
      const { status, headers } = await service.fetch(request);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (!EXPECTED.has(status) || !headers.has("x-request-id"))
        odd.push(`seed ${each}: ${status} ${request.url.slice(0, 80)}`);
    });
    await Promise.all(answers);
    expect(await honest()).toBe(expected);
  }
  expect(odd).toEqual([]);
  for (const status of [200, 400, 404, 405, 413, 415, 422]) expect(statuses.get(status) ?? 0).toBeGreaterThan(0);
});

it("lets nobody in with a wrong token", async () => {
  const { service: guarded } = serviceOf(models, { access: { token: "abcdefgh" } });
  const tokens = [
    "abcdefg",
    "abcdefghi",
    "ABCDEFGH",
    "abcdefgh abcdefgh",
    "\u00e4bcdefgh",
    "a".repeat(10_000),
    "[object Object]",
  ];
  for (const token of tokens) {
    expect(await errorOf(guarded, get("/v1/model", { authorization: `Bearer ${token}` }))).toBe(
      "401 request/unauthorized",
    );
  }
  await guarded.close();
});
