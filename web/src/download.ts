/** The list of a site's files, written beside them. */
export interface Site {
  /** Digest of all files: another one means that something changed. */
  readonly version: string;
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly optional?: boolean }[];
}

/** Reads files of the site, each once over the network ever: they are kept for the service worker to find. */
export interface Downloader {
  /** @param path relative to the site */
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * A downloader that tells how much of the files named so far has come.
 * @param root address of the site
 */
export async function createDownloader(
  root: string,
  onProgress: (received: number, total: number) => void,
): Promise<Downloader> {
  const site = (await (await fetch(new URL("site.json", root))).json()) as Site;
  const name = `beit ${new URL("./", root).pathname} ${site.version}`;
  const cache = "caches" in globalThis ? await caches.open(name) : undefined; // absent without https
  const sizes = new Map(site.files.map(({ path, bytes }) => [path, bytes]));
  let [received, total] = [0, 0];
  const count = (bytes: number) => {
    received += bytes;
    onProgress(received, total);
  };
  return {
    async read(path) {
      const versioned = path.startsWith("model/") ? `${path}?${site.version}` : path; // names there stay, contents do not
      const url = new URL(versioned, root).href;
      total += sizes.get(path) ?? 0;
      const kept = await cache?.match(url);
      const response = kept ?? (await fetch(url));
      if (!response.ok) throw new Error(`${path}: the server answers ${response.status}`);
      const keeping = kept ? undefined : cache?.put(url, response.clone()).catch(() => undefined); // a full disk only costs the next visit
      const bytes = await collect(response, count);
      await keeping;
      return bytes;
    },
  };
}

async function collect(response: Response, count: (bytes: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  const reader = response.body!.getReader();
  const parts: Uint8Array[] = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    count(part.value.length);
  }
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
