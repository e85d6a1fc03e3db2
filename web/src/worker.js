// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/** Worker that computes try-ons, so that the page stays responsive. */

import { maskGarment, MaskError } from './garment_mask.js';
import { TryOnNetwork } from './network.js';

/** Garments that stay encoded. */
const KEPT = 32;
const garments = new Map();
let network;

const calls = {
  /** Load the network; return what it is. */
  async load({ base, ...options }) {
    network = await TryOnNetwork.load(base, options);
    const { backend, threads, about } = network;
    return { backend, threads, size: about.size, model: about.name };
  },

  /** Encode a garment; return its mask, which is made if it is missing. */
  async garment({ key, image, mask }) {
    mask ??= maskGarment(image);
    garments.set(key, await network.encodeGarment(image, mask));
    if (garments.size > KEPT) garments.delete(garments.keys().next().value);
    return mask;
  },

  /** Return whether a garment is encoded. */
  async has({ key }) {
    return garments.has(key);
  },

  /** Put a garment on a person; return the image and milliseconds. */
  async tryOn({ key, person }) {
    const start = performance.now();
    const image = await network.tryOn(person, garments.get(key));
    return { image, milliseconds: performance.now() - start };
  },

  /** Put a garment on a person some times; return milliseconds of each. */
  async measure({ key, person, rounds }) {
    const times = [];
    for (let round = 0; round < rounds; round++) {
      const { milliseconds } = await calls.tryOn({ key, person });
      times.push({ all: milliseconds, network: network.milliseconds });
    }
    return times;
  },
};

async function answer({ id, call, argument }) {
  try {
    const result = await calls[call](argument);
    const pixels = result?.image?.data ?? result?.data;
    self.postMessage({ id, result }, pixels ? [pixels.buffer] : []);
  } catch (error) {
    const { message } = error;
    self.postMessage({ id, message, mask: error instanceof MaskError });
  }
}

// one call after the other: a session runs once at a time
let last = Promise.resolve();
self.onmessage = ({ data }) => {
  last = last.then(() => answer(data));
};
