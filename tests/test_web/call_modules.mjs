// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
// Call functions of web/src: a JSON list of [function, ...arguments] on stdin,
// their results on stdout. Arrays of numbers are {type, base64}.

import { readFileSync } from 'node:fs';
import { composeFullSize } from '../../web/src/compose.js';
import { Frame, garmentBox, toBinary } from '../../web/src/frame.js';
import { maskGarment, MaskError } from '../../web/src/garment_mask.js';
import { resize } from '../../web/src/resize.js';

const TYPES = { uint8: Uint8ClampedArray, float32: Float32Array };

function decode(value) {
  if (value?.base64 !== undefined) {
    const bytes = new Uint8Array(Buffer.from(value.base64, 'base64'));
    return new TYPES[value.type](bytes.buffer);
  }
  if (Array.isArray(value)) return value.map(decode);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, decode(item)]),
  );
}

function encode(value) {
  if (!value?.data?.buffer) return value;
  return { ...value, data: Buffer.from(value.data).toString('base64') };
}

const functions = {
  resize,
  garmentBox,
  fit: (image, size) => new Frame(image, size).fit(image),
  compose(maps, photograph, size, garment, mask) {
    const frame = new Frame(garment, size);
    return composeFullSize(maps, photograph, new Frame(photograph, size), {
      image: garment, mask: toBinary(mask), frame,
    });
  },
  mask(image) {
    try {
      return maskGarment(image);
    } catch (error) {
      if (!(error instanceof MaskError)) throw error;
      return { error: error.message };
    }
  },
};

const calls = decode(JSON.parse(readFileSync(0, 'utf8')));
const results = calls.map(([name, ...given]) => functions[name](...given));
console.log(JSON.stringify(results.map(encode)));
