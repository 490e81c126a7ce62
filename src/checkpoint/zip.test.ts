import { describe, expect, it } from "vitest";
import type { BeitError } from "../platform/errors.ts";
import { readZip } from "./zip.ts";

interface Options {
  method?: number;
  flags?: number;
  /** Sizes and offset in the zip64 extra field, counts in the zip64 end record. */
  zip64?: boolean;
  claimedBytes?: number;
  claimedOffset?: number;
  localName?: string;
  comment?: string;
}

/** A zip archive of stored entries, laid out by PKWARE's APPNOTE, with what a test wants to be wrong. */
function zip(entries: [string, string][], options: Options = {}): Uint8Array {
  const { method = 0, flags = 0, zip64 = false, claimedOffset, localName, comment = "" } = options;
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [path, text] of entries) {
    const size = options.claimedBytes ?? text.length;
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50, 0);
    header.writeUInt16LE((localName ?? path).length, 26);
    header.writeUInt16LE(3, 28); // an extra field, as torch pads with
    const record = Buffer.alloc(46);
    record.writeUInt32LE(0x02014b50, 0);
    record.writeUInt16LE(flags, 8);
    record.writeUInt16LE(method, 10);
    for (const at of [20, 24]) record.writeUInt32LE(zip64 ? 0xffffffff : size, at);
    record.writeUInt16LE(path.length, 28);
    record.writeUInt16LE(zip64 ? 28 : 0, 30);
    record.writeUInt32LE(zip64 ? 0xffffffff : (claimedOffset ?? offset), 42);
    const extra = Buffer.alloc(zip64 ? 28 : 0);
    if (zip64) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      [size, size, claimedOffset ?? offset].forEach(
        (value, i) => void extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i),
      );
    }
    central.push(record, Buffer.from(path), extra);
    local.push(header, Buffer.from(localName ?? path), Buffer.alloc(3), Buffer.from(text));
    offset += 33 + (localName ?? path).length + text.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(zip64 ? 0xffff : entries.length, 10);
  end.writeUInt32LE(zip64 ? 0xffffffff : directory.length, 12);
  end.writeUInt32LE(zip64 ? 0xffffffff : offset, 16);
  end.writeUInt16LE(comment.length, 20);
  const end64 = Buffer.alloc(zip64 ? 76 : 0);
  if (zip64) {
    end64.writeUInt32LE(0x06064b50, 0);
    end64.writeBigUInt64LE(BigInt(entries.length), 32);
    end64.writeBigUInt64LE(BigInt(directory.length), 40);
    end64.writeBigUInt64LE(BigInt(offset), 48);
    end64.writeUInt32LE(0x07064b50, 56);
    end64.writeBigUInt64LE(BigInt(offset + directory.length), 64);
  }
  return new Uint8Array(Buffer.concat([...local, directory, end64, end, Buffer.from(comment)]));
}

function contents(bytes: Uint8Array): [string, string][] {
  return [...readZip(bytes, "m")].map(([path, { start, end }]) => [
    path,
    new TextDecoder().decode(bytes.subarray(start, end)),
  ]);
}

function refusal(bytes: Uint8Array): string {
  try {
    readZip(bytes, "m.pth");
  } catch (error) {
    return `${(error as BeitError).code} | ${(error as BeitError).message}`;
  }
  return "read";
}

const two: [string, string][] = [
  ["r/data.pkl", "pickle"],
  ["r/data/0", ""],
];

describe("readZip", () => {
  it.each([
    ["as torch writes it", {}],
    ["with zip64 records", { zip64: true }],
    ["with a comment", { comment: "made by hand PK\x05\x06" }],
  ])("finds stored entries %s", (_, options) => expect(contents(zip(two, options))).toEqual(two));

  it.each([
    [
      "a compressed entry",
      { method: 8 },
      'checkpoint/compressed-entry | m.pth: entry "r/data.pkl" is compressed (method 8)',
    ],
    ["an encrypted entry", { flags: 1 }, 'checkpoint/compressed-entry | m.pth: entry "r/data.pkl" is encrypted'],
    [
      "a lying size",
      { claimedBytes: 1e6 },
      "checkpoint/truncated | m.pth: its zip directory points to bytes 0 to 1000043",
    ],
    [
      "a lying 64-bit size",
      { zip64: true, claimedBytes: 2 ** 53 - 1 },
      "checkpoint/truncated | m.pth: its zip directory points to",
    ],
    [
      "a lying offset",
      { claimedOffset: 2 },
      'checkpoint/bad-zip | m.pth: is a damaged zip archive: there is no header of entry "r/data.pkl" at byte 2',
    ],
    [
      "an offset outside",
      { claimedOffset: 1e9 },
      "checkpoint/truncated | m.pth: its zip directory points to bytes 1000000000 to 1000000004 of",
    ],
    [
      "another name in front",
      { localName: "r/else.pkl" },
      'checkpoint/bad-zip | m.pth: is a damaged zip archive: entry "r/data.pkl" has another name',
    ],
  ])("refuses %s", (_, options, message) => expect(refusal(zip(two, options))).toContain(message));

  it("refuses a name twice", () => expect(refusal(zip([two[0]!, two[0]!]))).toContain('it has "r/data.pkl" twice'));

  it("refuses every cut, and survives every changed byte", () => {
    const whole = zip(two, { zip64: true });
    for (let length = 0; length < whole.length; length++)
      expect(refusal(whole.slice(0, length))).toMatch(/^checkpoint\//);
    for (let at = 0; at < whole.length; at++) {
      for (const byte of [0, 1, 0x80, 0xff]) expect(refusal(whole.with(at, byte))).toMatch(/^(read$|checkpoint\/)/);
    }
  });
});
