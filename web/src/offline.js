// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/** Keep the page for use without a network. */

/**
 * Install the service worker, and let it keep the runtime that is in use.
 *
 * @param {string} base URL of the page's folder.
 * @param {string} backend `webgpu` or `wasm`.
 */
export async function keepOffline(base, backend) {
  if (!('serviceWorker' in navigator)) return;
  try {
    await navigator.serviceWorker.register(`${base}service_worker.js`);
    const { active } = await navigator.serviceWorker.ready;
    if (backend === 'webgpu') active.postMessage({ keep: 'webgpu' });
    document.documentElement.dataset.offline = 'ready';
  } catch (error) {
    // private windows refuse it; the page works, with a network
    console.warn(`no use without a network: ${error.message}`);
  }
}
