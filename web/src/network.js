// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/** The try-on network in ONNX Runtime; a garment is encoded once. */

import { composeFullSize, MAPS } from './compose.js';
import { Frame, garmentBox, toBinary, toInput } from './frame.js';
import { crop } from './resize.js';

/** @typedef {import('./resize.js').Image} Image */

/** Name of a backend -> its runtime, next to the page. */
const RUNTIMES = {
  webgpu: 'ort/ort.webgpu.bundle.min.mjs',
  wasm: 'ort/ort.wasm.bundle.min.mjs',
};

/** Return the backends to try, best first. */
async function backends(wanted) {
  if (wanted) return [wanted];
  let adapter = null;
  try {
    adapter = await navigator.gpu?.requestAdapter();
  } catch {
    // a browser that has the interface and no GPU
  }
  // a GPU that the processor pretends to be is slower than WebAssembly
  const real = adapter && !adapter.info?.isFallbackAdapter &&
    !adapter.isFallbackAdapter;
  return real ? ['webgpu', 'wasm'] : ['wasm'];
}

async function fetchBytes(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** The three graphs of a model, loaded. */
export class TryOnNetwork {
  /**
   * Load the model that lies in `model/` beside the page.
   *
   * @param {string} base URL of the page's folder.
   * @param {{backend?: string, threads?: number}} options `backend` is
   *   `webgpu` or `wasm`, by default the better one of this browser.
   * @returns {Promise<TryOnNetwork>}
   */
  static async load(base, { backend, threads } = {}) {
    const about = JSON.parse(
      new TextDecoder().decode(await fetchBytes(`${base}model/model.json`)),
    );
    const graphs = {};
    for (const name of ['person', 'cloth', 'dress']) {
      graphs[name] = await fetchBytes(`${base}model/${name}.onnx`);
    }
    let problem;
    for (const name of await backends(backend)) {
      try {
        const runtime = await import(`${base}${RUNTIMES[name]}`);
        const network = new TryOnNetwork(runtime, about, name);
        await network.start(graphs, threads);
        return network;
      } catch (error) {
        console.warn(`${name} does not run here: ${error.message}`);
        problem = error;
      }
    }
    throw problem;
  }

  constructor(runtime, about, backend) {
    this.runtime = runtime;
    this.about = about;
    this.backend = backend;
    /** Milliseconds of the network in the last call, without the rest. */
    this.milliseconds = 0;
  }

  /** Threads that ONNX Runtime uses. */
  get threads() {
    return this.backend === 'wasm' ? this.runtime.env.wasm.numThreads : 1;
  }

  async start(graphs, threads) {
    const { env, InferenceSession } = this.runtime;
    if (threads) env.wasm.numThreads = threads;
    const [h, w] = this.about.size;
    const freeDimensionOverrides = { batch: 1, h, w };
    for (let n = 2; n <= this.about.divisor; n *= 2) {
      freeDimensionOverrides[`h_${n}`] = h / n;
      freeDimensionOverrides[`w_${n}`] = w / n;
    }
    this.sessions = {};
    for (const [name, bytes] of Object.entries(graphs)) {
      this.sessions[name] = await InferenceSession.create(bytes, {
        executionProviders: [this.backend],
        freeDimensionOverrides,
        logSeverityLevel: 3, // errors alone
      });
    }
    // compiles what is compiled at first use, and fails here if it fails
    const { width, height } = { width: 8, height: 8 };
    const data = new Uint8ClampedArray(4 * width * height).fill(128);
    const mask = { data: data.slice(0, width * height), width, height };
    const image = { data, width, height };
    await this.tryOn(image, await this.encodeGarment(image, mask));
  }

  tensor(values, channels) {
    const [h, w] = this.about.size;
    return new this.runtime.Tensor('float32', values, [1, channels, h, w]);
  }

  async run(name, feeds, outputs) {
    const start = performance.now();
    const result = await this.sessions[name].run(feeds, outputs);
    this.milliseconds += performance.now() - start;
    return result;
  }

  /**
   * Encode a garment.
   *
   * @param {Image} photograph RGBA.
   * @param {Image} mask One channel of the same size, on from 128.
   * @returns {Promise<object>} For `tryOn`.
   */
  async encodeGarment(photograph, mask) {
    const box = garmentBox(mask);
    const image = crop(photograph, box);
    const cut = crop(mask, box);
    const frame = new Frame(image, this.about.size);
    const small = toBinary(frame.fit(cut));
    const feeds = {
      cloth: this.tensor(toInput(frame.fit(image), small), 3),
      cloth_mask: this.tensor(small, 1),
    };
    const maps = await this.run('cloth', feeds);
    return { image, mask: toBinary(cut), frame, feeds: { ...feeds, ...maps } };
  }

  /**
   * Put a garment on a person.
   *
   * @param {Image} photograph RGBA.
   * @param {object} garment See `encodeGarment`.
   * @returns {Promise<Image>} RGBA, of the photograph's size.
   */
  async tryOn(photograph, garment) {
    this.milliseconds = 0;
    const frame = new Frame(photograph, this.about.size);
    const person = this.tensor(toInput(frame.fit(photograph)), 3);
    const maps = await this.run('person', { person });
    const made = await this.run(
      'dress', { person, ...maps, ...garment.feeds }, Object.keys(MAPS),
    );
    const values = {};
    for (const name of Object.keys(MAPS)) values[name] = made[name].data;
    return composeFullSize(values, photograph, frame, garment);
  }
}
