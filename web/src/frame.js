// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/**
 * Images of any size in the network's frame, as
 * `mmfashion_ext.tryon.inference.frame` fits them.
 */

import { pad, resize } from './resize.js';

/** @typedef {import('./resize.js').Image} Image */

/** Space beside a garment in the frame, of its longer side. */
const MARGIN = 0.04;

/** Round to the nearest integer, halves to the even one, as Python does. */
export function round(x) {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Where an image lies in the network's frame. Sizes are px. */
export class Frame {
  /**
   * Centre an image in a frame without changing its shape.
   *
   * @param {{width: number, height: number}} image
   * @param {[number, number]} frame (h, w) of the frame.
   */
  constructor(image, [height, width]) {
    const scale = Math.min(height / image.height, width / image.width);
    const inside = (side, limit) =>
      Math.min(limit, Math.max(1, round(side * scale)));
    this.width = width;
    this.height = height;
    this.size = { width: image.width, height: image.height };
    this.inside = {
      width: inside(image.width, width),
      height: inside(image.height, height),
    };
    this.left = Math.floor((width - this.inside.width) / 2);
    this.top = Math.floor((height - this.inside.height) / 2);
  }

  /**
   * Resize an image into the frame, its border repeated beside it.
   *
   * @param {Image} image Of the size that the frame was made for.
   * @returns {Image}
   */
  fit(image) {
    const { width, height } = this.inside;
    return pad(resize(image, width, height), this);
  }
}

/**
 * Return the rectangle of a garment in its photograph, with a margin.
 *
 * @param {Image} mask One channel, on from 128.
 * @returns {{left: number, top: number, width: number, height: number}} The
 *   whole photograph if the mask is empty.
 */
export function garmentBox(mask) {
  const { data, width, height } = mask;
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[y * width + x] < 128) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  if (bottom < 0) return { left: 0, top: 0, width, height };
  const margin = round(MARGIN * Math.max(right - left, bottom - top));
  const x = Math.max(left - margin, 0);
  const y = Math.max(top - margin, 0);
  return {
    left: x,
    top: y,
    width: Math.min(right + 1 + margin, width) - x,
    height: Math.min(bottom + 1 + margin, height) - y,
  };
}

/** Grey level -> value of the network's input, -1 to 1. */
const VALUES = Float32Array.from({ length: 256 }, (_, x) => x / 127.5 - 1);

/**
 * Convert an image to the network's input (1, 3, h, w), RGB in [-1, 1].
 *
 * @param {Image} image RGBA.
 * @param {Float32Array} [mask] (h, w), 0 or 1; where it is 0 the result is.
 * @returns {Float32Array} Channel by channel.
 */
export function toInput(image, mask) {
  const count = image.width * image.height;
  const values = new Float32Array(3 * count);
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < count; i++) {
      const value = VALUES[image.data[4 * i + c]];
      values[c * count + i] = mask ? value * mask[i] : value;
    }
  }
  return values;
}

/**
 * Convert a mask of 8 bits, on from 128, to 0 and 1.
 *
 * @param {Image} mask One channel.
 * @returns {Float32Array} (h, w).
 */
export function toBinary(mask) {
  return Float32Array.from(mask.data, (value) => (value >= 128 ? 1 : 0));
}
