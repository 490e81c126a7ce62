import { z } from "@hono/zod-openapi";
import { countOccurrences, fromBase64 } from "../platform/bytes.ts";
import { BeitError } from "../platform/errors.ts";
import { megabytes } from "./body.ts";
import type { Limits } from "./limits.ts";

/** A picture's file as a request brought it. */
export interface Upload {
  /** The name that the client gave, else `picture` or `picture N`. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** Pictures in JSON. */
export const pictureList = z
  .strictObject({
    images: z
      .array(
        z.strictObject({
          name: z.string().max(255).optional().openapi({ description: "Told again in the answer.", example: "a.jpg" }),
          data: z.string().openapi({ description: "The file's content in base64; a data URL is taken too." }),
        }),
      )
      .min(1),
  })
  .openapi("PictureList");

type Parse = (body: Uint8Array, contentType: string, limits: Limits) => Upload[] | Promise<Upload[]>;

/** What a content type is read by. */
function parserOf(contentType: string): Parse | undefined {
  const type = contentType.split(";", 1)[0]!.trim().toLowerCase();
  if (type === "multipart/form-data") return fromMultipart;
  if (type === "application/json") return fromJson;
  return type.startsWith("image/") || type === "application/octet-stream" ? fromRaw : undefined;
}

/**
 * The way to read pictures from a body of a request's kind, chosen before the body is read.
 * @throws BeitError `request/unsupported-type`; from the returned function `request/bad-body`, `request/invalid`,
 * `request/no-pictures`, `request/too-many-files`
 */
export function pictureParser(headers: Headers, limits: Limits): (body: Uint8Array) => Promise<readonly Upload[]> {
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity") {
    throw new BeitError("request/unsupported-type", "Content-Encoding: expected none, pictures are compressed already");
  }
  const contentType = headers.get("content-type") ?? "";
  const parse = parserOf(contentType);
  if (!parse) {
    const expected = "a picture (image/jpeg …, application/octet-stream), multipart/form-data or application/json";
    const came = contentType ? JSON.stringify(contentType.slice(0, 100)) : "none";
    throw new BeitError("request/unsupported-type", `Content-Type: expected ${expected}, got ${came}`);
  }
  return async (body) => {
    if (body.length === 0) throw new BeitError("request/no-pictures", "the body is empty, expected a picture");
    const uploads = await parse(body, contentType, limits);
    if (uploads.length > limits.maxFiles) throw tooMany(limits);
    return uploads;
  };
}

/** A file that is too large before anything looks into it. */
export function uploadProblem({ bytes }: Upload, { maxFileBytes }: Limits): BeitError | undefined {
  if (bytes.length <= maxFileBytes) return undefined;
  const message = `${megabytes(bytes.length)} is larger than ${megabytes(maxFileBytes)}, the limit of a file`;
  return new BeitError("image/file-too-large", message);
}

const fromRaw: Parse = (bytes) => [{ file: "picture", bytes }];

const BOUNDARY = /;\s*boundary=(?:"([^"\\]{1,70})"|([^\s;"\\]{1,70}))/i; // at most 70 characters: RFC 2046, section 5.1.1

async function fromMultipart(body: Uint8Array, contentType: string, limits: Limits): Promise<Upload[]> {
  const [, quoted, plain] = BOUNDARY.exec(contentType) ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) throw new BeitError("request/bad-body", "multipart/form-data: expected a boundary");
  const most = limits.maxFiles + 1; // one boundary before each part and one at the end
  if (countOccurrences(body, `--${boundary}`, most + 1) > most) throw tooMany(limits);
  const type = `multipart/form-data; boundary="${boundary}"`; // what was counted: other readings of the header find others
  const form = await new Response(body as Uint8Array<ArrayBuffer>, { headers: { "content-type": type } })
    .formData()
    .catch((error) => {
      throw new BeitError("request/bad-body", "multipart/form-data: the body is damaged or incomplete", {
        cause: error,
      });
    });
  const uploads: Upload[] = [];
  for (const [, value] of form) {
    if (typeof value === "string") {
      const message = "multipart/form-data: expected files only; options such as top_k belong into the query";
      throw new BeitError("request/invalid", message);
    }
    const file = value.name.slice(0, 255) || `picture ${uploads.length + 1}`;
    uploads.push({ file, bytes: new Uint8Array(await value.arrayBuffer()) });
  }
  if (uploads.length > 0) return uploads;
  throw new BeitError("request/no-pictures", "multipart/form-data: expected at least one file, got none");
}

const IS_MARK = Uint8Array.from({ length: 256 }, (_, byte) => Number('{[,"'.includes(String.fromCharCode(byte))));
const MARKS_EACH = 600; // marks of a picture's entry: 13, and what its name may hold

/** Parsing takes memory and time by values, of which a few pictures have a few. @throws BeitError `request/too-many-files` */
function checkMarks(body: Uint8Array, limits: Limits): void {
  let marks = 0;
  for (let at = 0; at < body.length; at++) marks += IS_MARK[body[at]!]!;
  if (marks > MARKS_EACH * (limits.maxFiles + 1)) throw tooMany(limits);
}

const fromJson: Parse = (body, _, limits) => {
  checkMarks(body, limits);
  const json = parseJson(body) as { images?: unknown } | null;
  if (Array.isArray(json?.images) && json.images.length > limits.maxFiles) throw tooMany(limits); // before each is checked
  const parsed = pictureList.safeParse(json);
  if (!parsed.success) throw invalid(parsed.error);
  return parsed.data.images.map(({ name, data }, index) => {
    const bytes = fromBase64(data.replace(/^data:[\w/+.-]{0,100};base64,/, ""));
    if (!bytes) throw new BeitError("request/invalid", `images[${index}].data: expected base64`);
    return { file: name ?? `picture ${index + 1}`, bytes };
  });
};

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw new BeitError("request/bad-body", "application/json: the body is not valid JSON in UTF-8", { cause: error });
  }
}

/** What a schema found wrong, in one line. */
export function invalid(error: z.ZodError): BeitError {
  const issues = error.issues.slice(0, 3).map(({ path, message }) => {
    return `${path.join(".")}${path.length > 0 ? ": " : ""}${message}`.slice(0, 200);
  });
  return new BeitError("request/invalid", issues.join("; "));
}

function tooMany({ maxFiles }: Limits): BeitError {
  return new BeitError("request/too-many-files", `more than ${maxFiles} pictures in one request, the limit`);
}
