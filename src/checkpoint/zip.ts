import { BeitError } from "../platform/errors.ts";
import { show } from "./json.ts";

// Signatures and field offsets: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12, 4.3.14, 4.3.15, 4.3.16
const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const IN_ZIP64 = 0xffffffff; // a 32-bit field that says "look into the zip64 extra field"

/** Where a stored entry's bytes lie in the archive. */
export interface ZipEntry {
  start: number;
  end: number;
}

interface Archive {
  view: DataView;
  bytes: Uint8Array;
  name: string;
}

/** An entry as the central directory describes it. */
interface Described {
  path: string;
  method: number;
  encrypted: boolean;
  sizeBytes: number;
  storedBytes: number;
  localOffset: number;
  next: number;
}

/**
 * The entries of a zip archive that holds them uncompressed, as `torch.save` writes it, zip64 included. Offsets and sizes
 * are checked against the archive's length; nothing is copied. Checksums are not verified.
 * @param name the file, for messages
 * @throws BeitError `checkpoint/truncated`, `checkpoint/bad-zip`, `checkpoint/compressed-entry`.
 */
export function readZip(bytes: Uint8Array, name: string): Map<string, ZipEntry> {
  const archive: Archive = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes, name };
  const directory = findDirectory(archive);
  const entries = new Map<string, ZipEntry>();
  let at = directory.offset;
  for (let i = 0; i < directory.entries; i++) {
    const described = readDescription(archive, at);
    if (entries.has(described.path)) throw badZip(archive, `it has ${show(described.path)} twice`);
    entries.set(described.path, locate(archive, described));
    at = described.next;
  }
  return entries;
}

function findDirectory(archive: Archive): { offset: number; entries: number } {
  const end = findEnd(archive);
  const entries = archive.view.getUint16(end + 10, true);
  const sizeBytes = archive.view.getUint32(end + 12, true);
  const offset = archive.view.getUint32(end + 16, true);
  if (entries !== 0xffff && sizeBytes !== IN_ZIP64 && offset !== IN_ZIP64) return { offset, entries };
  const locator = end - 20;
  expectSignature(archive, locator, LOCATOR64, "zip64 locator");
  const end64 = uint64(archive, locator + 8);
  expectSignature(archive, end64, END64, "zip64 end of the directory");
  return { offset: uint64(archive, end64 + 48), entries: uint64(archive, end64 + 32) };
}

/** The end record stands last, before a comment of a length it states itself. */
function findEnd({ view, name }: Archive): number {
  const lowest = Math.max(0, view.byteLength - END_BYTES - MAX_COMMENT_BYTES);
  for (let at = view.byteLength - END_BYTES; at >= lowest; at--) {
    if (view.getUint32(at, true) === END && view.getUint16(at + 20, true) === view.byteLength - at - END_BYTES)
      return at;
  }
  throw new BeitError(
    "checkpoint/truncated",
    `${name}: is a zip archive without an end: the file is cut off, fetch it again`,
  );
}

function readDescription(archive: Archive, at: number): Described {
  const { view, bytes } = archive;
  expectSignature(archive, at, CENTRAL, "directory entry");
  need(archive, at, 46);
  const pathBytes = view.getUint16(at + 28, true);
  const extraBytes = view.getUint16(at + 30, true);
  const extra = at + 46 + pathBytes;
  const next = extra + extraBytes + view.getUint16(at + 32, true);
  need(archive, at, next - at);
  const [sizeBytes, storedBytes, localOffset] = withZip64(
    archive,
    [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)],
    extra,
    extra + extraBytes,
  );
  return {
    path: new TextDecoder().decode(bytes.subarray(at + 46, extra)),
    method: view.getUint16(at + 10, true),
    encrypted: (view.getUint16(at + 8, true) & 1) === 1,
    sizeBytes,
    storedBytes,
    localOffset,
    next,
  };
}

/** Size, stored size and offset, those that do not fit 32 bits taken in this order from the zip64 extra field. */
function withZip64(
  archive: Archive,
  fields: [number, number, number],
  start: number,
  end: number,
): [number, number, number] {
  if (!fields.includes(IN_ZIP64)) return fields;
  const { view } = archive;
  for (let at = start; at + 4 <= end; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 0x0001) continue;
    let value = at + 4;
    return fields.map((field) => {
      if (field !== IN_ZIP64) return field;
      value += 8;
      return uint64(archive, value - 8);
    }) as [number, number, number];
  }
  throw badZip(archive, "an entry's zip64 sizes are missing");
}

function locate(
  archive: Archive,
  { path, method, encrypted, sizeBytes, storedBytes, localOffset }: Described,
): ZipEntry {
  const quoted = show(path);
  if (method !== 0 || encrypted) {
    const how = encrypted ? "encrypted" : `compressed (method ${method})`;
    const message = `${archive.name}: entry ${quoted} is ${how}; torch.save stores entries as they are: save the checkpoint again`;
    throw new BeitError("checkpoint/compressed-entry", message);
  }
  if (sizeBytes !== storedBytes)
    throw badZip(archive, `entry ${quoted} claims ${sizeBytes} bytes, ${storedBytes} stored`);
  expectSignature(archive, localOffset, LOCAL, `header of entry ${quoted}`);
  need(archive, localOffset, 30);
  const { view, bytes } = archive;
  const pathEnd = localOffset + 30 + view.getUint16(localOffset + 26, true);
  const start = pathEnd + view.getUint16(localOffset + 28, true);
  need(archive, localOffset, start + sizeBytes - localOffset);
  if (new TextDecoder().decode(bytes.subarray(localOffset + 30, pathEnd)) !== path) {
    throw badZip(archive, `entry ${quoted} has another name in front of its data`);
  }
  return { start, end: start + sizeBytes };
}

function expectSignature(archive: Archive, at: number, signature: number, what: string): void {
  need(archive, at, 4);
  if (archive.view.getUint32(at, true) !== signature) throw badZip(archive, `there is no ${what} at byte ${at}`);
}

function uint64(archive: Archive, at: number): number {
  need(archive, at, 8);
  const value = Number(archive.view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw badZip(archive, `the size or offset at byte ${at} is larger than any file`);
  return value;
}

function need({ view, name }: Archive, at: number, length: number): void {
  if (at >= 0 && at + length <= view.byteLength) return;
  throw new BeitError(
    "checkpoint/truncated",
    `${name}: its zip directory points to bytes ${at} to ${at + length} of ${view.byteLength}: the file is cut off or damaged`,
  );
}

function badZip({ name }: Archive, reason: string): BeitError {
  return new BeitError("checkpoint/bad-zip", `${name}: is a damaged zip archive: ${reason}`);
}
