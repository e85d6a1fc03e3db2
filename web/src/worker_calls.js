// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/** Calls of the worker as promises. */

/** Error of the worker; `mask` says that no garment could be cut out. */
export class WorkerError extends Error {
  constructor(message, mask) {
    super(message);
    this.mask = mask;
  }
}

/**
 * Start the worker.
 *
 * @param {URL} url Of its script.
 * @returns {(call: string, argument?: object) => Promise<any>} Calls it.
 */
export function startWorker(url) {
  const worker = new Worker(url, { type: 'module' });
  const waiting = new Map();
  let count = 0;
  worker.onmessage = ({ data: { id, result, message, mask } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (message === undefined) resolve(result);
    else reject(new WorkerError(message, mask));
  };
  worker.onerror = (event) => {
    const text = event.message || 'its script did not load';
    for (const { reject } of waiting.values()) reject(new WorkerError(text));
    waiting.clear();
  };
  return (call, argument) =>
    new Promise((resolve, reject) => {
      waiting.set(++count, { resolve, reject });
      worker.postMessage({ id: count, call, argument });
    });
}
