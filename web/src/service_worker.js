// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/**
 * Service worker: the page's files are kept, so that it works without a
 * network, and sent with the headers that WebAssembly needs for threads.
 */

/* global FILES, WEBGPU_FILES, VERSION -- set by build.mjs */

const NAME = `try-on ${VERSION}`;
const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

self.addEventListener('install', (event) => {
  const keep = async () => {
    const cache = await caches.open(NAME);
    await cache.addAll(FILES);
    await self.skipWaiting();
  };
  event.waitUntil(keep());
});

self.addEventListener('activate', (event) => {
  const clean = async () => {
    const names = await caches.keys();
    const old = names.filter((n) => n.startsWith('try-on ') && n !== NAME);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(clean());
});

self.addEventListener('message', (event) => {
  if (event.data.keep !== 'webgpu') return;
  const keep = async () => (await caches.open(NAME)).addAll(WEBGPU_FILES);
  event.waitUntil(keep());
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin } = new URL(request.url);
  if (request.method !== 'GET' || origin !== self.location.origin) return;
  event.respondWith(answer(request));
});

async function answer(request) {
  const cache = await caches.open(NAME);
  const kept = await cache.match(request, { ignoreSearch: true });
  const found = kept ?? (await fetch(request));
  if (found.type === 'opaqueredirect' || !found.ok) return found;
  const headers = new Headers(found.headers);
  for (const [name, value] of Object.entries(HEADERS)) {
    headers.set(name, value);
  }
  return new Response(found.body, { status: found.status, headers });
}
