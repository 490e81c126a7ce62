import { type Random, random } from "../../src/tensor/random.ts";
import { get, post, postFiles, postPicture } from "./service.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Draws of one hostile request. */
const draws = (stream: Random) => ({
  below: (n: number) => Math.floor((stream.bits() / 2 ** 32) * n),
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  },
  bytes(n: number): Bytes {
    return Uint8Array.from({ length: n }, () => stream.bits() & 255);
  },
});
type Draws = ReturnType<typeof draws>;

/** A picture's file with bytes changed, cut off, doubled or moved. */
function mutated(picture: Bytes, d: Draws): Bytes {
  const copy = picture.slice();
  for (let i = d.below(20); i >= 0; i--) copy[d.below(copy.length)] = d.below(256);
  const at = d.below(copy.length);
  switch (d.below(5)) {
    case 0:
      return copy.slice(0, at);
    case 1:
      return Uint8Array.from([...copy.slice(0, at), ...d.bytes(d.below(200)), ...copy.slice(at)]);
    case 2:
      return Uint8Array.from([...copy.slice(0, at), ...copy]);
    case 3:
      copy.fill(0xff, at, at + d.below(400));
      return copy;
    default:
      return copy;
  }
}

const types = [
  "",
  "text/html",
  "image/svg+xml",
  "image/jpeg",
  "application/json",
  "multipart/form-data",
  "*/*",
  "a/b/c;;=",
  "multipart/form-data; boundary=",
  'multipart/form-data; boundary="',
  "application/x-www-form-urlencoded",
  `image/${"x".repeat(5000)}`,
];
const paths = [
  "/../../etc/passwd",
  "/v1/../../secret",
  "/v1/classify/..%2f..%2fetc",
  "/%2e%2e/%2e%2e/",
  "//v1//classify",
  "/v1/classify%00.jpg",
  "/V1/CLASSIFY",
  "/v1/classify;x=1",
  "/constructor",
  "/__proto__",
  "/v1/%F0%9F%98%80",
  `/${"a/".repeat(2000)}`,
];
const queries = [
  "top_k=-1",
  "explain=gradient",
  "explain=rollout&label=light",
  "explain=gradient&label=%00",
  "explain=constructor",
  "top_k=1e999",
  "top_k=NaN",
  "top_k[]=1",
  "top_k=0x10",
  "model=../../etc/passwd",
  "model=__proto__",
  "model=constructor",
  "pool=cls",
  "__proto__[x]=1",
  `model=${"m".repeat(3000)}`,
  "top_k=1&top_k=1",
  "%=%",
  "model=%00",
  "top_k=%F0%28%8C%28",
];
const jsons = [
  "",
  "null",
  "[]",
  "1",
  '"x"',
  '{"images":null}',
  '{"images":{}}',
  '{"images":[[]]}',
  '{"images":[{"data":1}]}',
  '{"images":[{"data":""}]}',
  '{"images":[{"data":"////"}]}',
  '{"images":[{"data":"AAAA","name":"../../x"}]}',
  '{"__proto__":{"images":[]},"images":[]}',
  '{"constructor":{"prototype":{"x":1}}}',
  "[".repeat(20_000),
  `{"images":[${'{"data":"AAAA"},'.repeat(500)}{"data":"AAAA"}]}`,
  '{"images":[{"data":"data:image/svg+xml;base64,PHN2Zy8+"}]}',
  "\u0000",
  "\ufeff{}",
];
const files = [
  "<svg xmlns='http://www.w3.org/2000/svg' width='9e9' height='9e9'/>",
  "GIF89a",
  "%PDF-1.7",
  "#!/bin/sh\nrm -rf /",
  "\u0089PNG\r\n\u001a\n",
  "BM",
  "RIFF\0\0\0\0WEBPVP8 ",
  "II*\0",
  "push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://x/\"|ls)'\npop graphic-context",
];
const latin = (text: string): Bytes => Uint8Array.from(text, (letter) => letter.charCodeAt(0) & 255);

function multipart(d: Draws, picture: Bytes): Request {
  const type = { "content-type": "multipart/form-data; boundary=B" };
  const part = (head: string, body: string) => `--B\r\n${head}\r\n\r\n${body}\r\n`;
  const name = 'Content-Disposition: form-data; name="f"; filename="../../../etc/passwd"';
  const bodies = [
    "--B--",
    "--B\r\n".repeat(3000),
    part(name, "no picture"),
    `${part(name, "x")}--B--`,
    part('Content-Disposition: form-data; name="f', "x"),
    part(`${name}\r\nX: ${"y".repeat(20_000)}`, "x"),
    part("Content-Disposition: form-data", "x"),
    `${part(name, "x").repeat(40)}--B--\r\n`,
    part('Content-Disposition: form-data; name="__proto__"; filename="a\u0000b"', "x"),
  ];
  const text = d.pick(bodies);
  if (d.below(3) > 0) return post("/v1/classify", latin(text), type);
  return postFiles("/v1/classify", {
    [`${text.slice(0, 40)}.jpg`]: mutated(picture, d),
    "b.png": latin(d.pick(files)),
  });
}

/** One of the requests that nobody should make; the same for the same seed. */
export function hostileRequest(seed: number, pictures: readonly Bytes[]): Request {
  const d = draws(random(seed, "hostile"));
  const picture = d.pick(pictures);
  const path = d.pick(["/v1/classify", "/v1/features"]);
  switch (d.below(9)) {
    case 0:
      return postPicture(path, latin(d.pick(files)));
    case 1:
      return post(path, mutated(picture, d), { "content-type": d.pick(types) });
    case 2:
      return get(d.pick(paths));
    case 3:
      return postPicture(`${path}?${d.pick(queries)}`, picture);
    case 4:
      return post(path, latin(d.pick(jsons)), { "content-type": "application/json" });
    case 5:
      return multipart(d, picture);
    case 6: {
      const method = d.pick(["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PROPFIND"]);
      return new Request(`http://beit.test${path}`, { method });
    }
    case 7:
      return postPicture(path, picture, {
        "content-encoding": "br",
        "x-request-id": "x".repeat(300),
        cookie: "a".repeat(9000),
      });
    default:
      return postPicture(path, mutated(picture, d));
  }
}
