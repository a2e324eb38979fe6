/// <reference lib="webworker" />
/**
 * Keeps the page and what was seen: built files for good, answers of the service until a newer one comes.
 */
const worker = self as unknown as ServiceWorkerGlobalScope;
const FILES = '__FILES__'.split(' ');
/** Changes with every build: the names hold hashes. */
const SHELL = `cabd-shell-${hash(FILES.join())}`;
const SEEN = 'cabd-seen-1';
const MOST_SEEN = 3000;
/** How long the network may take before an answer that was seen is shown instead. */
const PATIENCE_MS = 4000;

function hash(text: string): string {
  let h = 5381;
  for (let i = 0; i < text.length; i++) h = ((h << 5) + h + text.charCodeAt(i)) >>> 0;
  return h.toString(36);
}

worker.addEventListener('install', (event) => {
  event.waitUntil(
    (async () => {
      const shell = await caches.open(SHELL);
      await shell.addAll(['./', ...FILES]);
      await worker.skipWaiting();
    })(),
  );
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith('cabd-') && name !== SHELL && name !== SEEN) await caches.delete(name);
      }
      await worker.clients.claim();
    })(),
  );
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const scope = new URL(worker.registration.scope);
  // Parts of files are not kept: a cache cannot hold them.
  if (request.method !== 'GET' || url.origin !== scope.origin || request.headers.has('range')) return;
  const path = url.pathname.slice(scope.pathname.length);
  if (/^(status|metrics|health)/.test(path) || path.includes('/status')) return;
  if (request.mode === 'navigate') {
    if (path === '' || path.startsWith('feature/')) event.respondWith(page(request));
  } else if (path.startsWith('assets/')) {
    event.respondWith(built(request));
  } else {
    event.respondWith(seen(event));
  }
});

async function page(request: Request): Promise<Response> {
  try {
    const answer = await fetch(request);
    if (answer.ok) await (await caches.open(SHELL)).put('./', answer.clone());
    return answer;
  } catch (e) {
    const kept = await caches.match('./');
    if (kept) return kept;
    throw e;
  }
}

async function built(request: Request): Promise<Response> {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request);
}

/** The network's answer, or the one that was seen where the network is gone or slow. */
async function seen(event: FetchEvent): Promise<Response> {
  const cache = await caches.open(SEEN);
  const fresh = fetch(event.request).then(async (answer) => {
    if (answer.ok && answer.status === 200 && Number(answer.headers.get('content-length') ?? 0) < 5e6) {
      const copy = answer.clone();
      event.waitUntil(keep(cache, event.request, copy));
    }
    return answer;
  });
  const kept = await cache.match(event.request, { ignoreVary: true });
  if (!kept) return fresh;
  const late = new Promise<Response>((done) => setTimeout(() => done(kept), PATIENCE_MS));
  return Promise.race([fresh.catch(() => kept), late]);
}

let writes = 0;

async function keep(cache: Cache, request: Request, answer: Response): Promise<void> {
  try {
    await cache.put(request, answer);
  } catch {
    // The disk is full, or the answer broke off: nothing is kept.
    return;
  }
  if (++writes % 200 === 0) {
    const keys = await cache.keys();
    await Promise.all(keys.slice(0, Math.max(0, keys.length - MOST_SEEN)).map((key) => cache.delete(key)));
  }
}
