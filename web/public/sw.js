// Keeps the site for use without a network. `beit page` and `beit serve` write the list of files into site.json; the page
// has cached most of them when this starts. Pages are answered with the headers of cross-origin isolation, so that a host
// which cannot send them gets threads too, from the second visit on.
const INDEX = new URL("./", self.location).href;
const SITE = new URL("site.json", self.location).href;

const CACHES = `beit ${new URL(INDEX).pathname} `; // other folders of this origin may have pages of their own

const ISOLATION = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

async function fill() {
  const { version, files } = await (await fetch(SITE, { cache: "no-store" })).json();
  const cache = await caches.open(CACHES + version);
  const versioned = (path) => (path.startsWith("model/") ? `${path}?${version}` : path); // as src/download.ts asks
  const needed = files.filter(({ optional }) => !optional); // the others are kept where somebody asks for them
  const wanted = [INDEX, SITE, ...needed.map(({ path }) => new URL(versioned(path), self.location).href)];
  for (const url of wanted) if (!(await cache.match(url))) await cache.add(url);
  const old = (await caches.keys()).filter((name) => name.startsWith(CACHES) && name !== CACHES + version);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** The page itself comes from the network while there is one, so that a new version is seen. */
async function freshest(request) {
  return fetch(request).catch(async (error) => {
    const kept = await caches.match(request.mode === "navigate" ? INDEX : request, { ignoreVary: true });
    if (!kept) throw error;
    return kept;
  });
}

function isolated(response) {
  if (response.type === "opaqueredirect" || !response.ok) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(response.body, { status: response.status, headers });
}

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(fill());
});
self.addEventListener("message", (event) => event.waitUntil(fill())); // the page has loaded, maybe in a new version
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== self.location.origin) return;
  if (request.url === INDEX || request.url === SITE) event.respondWith(freshest(request).then(isolated));
  else
    event.respondWith(
      caches.match(request, { ignoreVary: true }).then((kept) => (kept ? isolated(kept) : fetch(request))),
    );
});
