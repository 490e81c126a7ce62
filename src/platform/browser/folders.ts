import { BeitError } from "../errors.ts";

/**
 * What lies at a URL: one whose last part has an extension is a file, and the server is asked whether it is there; others
 * are folders, of which nothing can be asked. A page in answer to anything but a page means that there is nothing: many
 * servers answer so to unknown addresses.
 * @throws BeitError `file/unreadable`
 */
export async function pathKind(url: string): Promise<"file" | "folder" | undefined> {
  if (!/\.\w+$/.test(url.replace(/[?#].*$/, "").replace(/^.*\//, ""))) return "folder";
  const response = await fetch(url, { method: "HEAD" }).catch((error: Error) => {
    throw new BeitError("file/unreadable", `${url}: cannot be looked at: ${error.message}`, { cause: error });
  });
  const isPage = response.headers.get("content-type")?.startsWith("text/html") ?? false;
  return response.ok && !isPage ? "file" : undefined;
}
