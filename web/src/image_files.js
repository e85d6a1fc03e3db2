// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/** Image files of the visitor, decoded by the browser. */

/** @typedef {import('./resize.js').Image} Image */

/** Largest file in bytes, and largest image in pixels, that is decoded. */
const MAX_BYTES = 50e6;
const MAX_PIXELS = 150e6;
/** Px, longer side of an image; larger ones are reduced to it. */
export const MAX_SIDE = 4096;
const KINDS = 'choose a JPEG, PNG or WebP file';

/** Error that the visitor can fix. */
export class UserError extends Error {}

/** Return the size of an image that fits into a square. */
function limited(width, height, side) {
  const scale = Math.min(1, side / Math.max(width, height));
  const shrink = (x) => Math.max(1, Math.round(x * scale));
  return [shrink(width), shrink(height)];
}

/**
 * Read an image, upright; its transparent parts are laid on white.
 *
 * @param {Blob} file
 * @param {string} name For messages.
 * @returns {Promise<{image: Image, alpha: ?Image}>} RGBA, and the opaque parts
 *   of an image that has transparent ones, one channel.
 * @throws {UserError}
 */
export async function readImage(file, name) {
  if (file.size > MAX_BYTES) {
    const size = Math.round(file.size / 1e6);
    throw new UserError(
      `${name} has ${size} MB, expected at most ${MAX_BYTES / 1e6}; ` +
        'choose a smaller image.',
    );
  }
  const url = URL.createObjectURL(file);
  try {
    const element = new Image();
    await new Promise((resolve, reject) => {
      element.onload = resolve;
      element.onerror = () =>
        reject(
          new UserError(
            `${name} is not an image that this browser can read; ${KINDS}.`,
          ),
        );
      element.src = url;
    });
    const { naturalWidth: width, naturalHeight: height } = element;
    if (!width || !height || width * height > MAX_PIXELS) {
      throw new UserError(
        `${name} has ${width} x ${height} pixels, expected 1 to ` +
          `${MAX_PIXELS / 1e6} million; ${KINDS}.`,
      );
    }
    try {
      await element.decode();
      return toPixels(element, ...limited(width, height, MAX_SIDE));
    } catch {
      throw new UserError(`${name} is damaged or too large; ${KINDS}.`);
    }
  } finally {
    URL.revokeObjectURL(url);
  }
}

function toPixels(element, width, height) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  context.drawImage(element, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  let clear = false;
  const alpha = new Uint8ClampedArray(width * height);
  for (let i = 0; i < alpha.length; i++) {
    alpha[i] = data[4 * i + 3];
    if (alpha[i] === 255) continue;
    clear ||= alpha[i] < 128;
    for (let c = 0; c < 3; c++) {
      data[4 * i + c] = 255 + ((data[4 * i + c] - 255) * alpha[i]) / 255;
    }
    data[4 * i + 3] = 255;
  }
  return {
    image: { data, width, height },
    alpha: clear ? { data: alpha, width, height } : null,
  };
}

/** Read an image that lies beside the page. */
export async function fetchImage(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return (await readImage(await answer.blob(), url)).image;
}

/** Draw an image on a canvas, which gets its size. */
export function draw(canvas, { data, width, height }) {
  if (canvas.width !== width || canvas.height !== height) {
    [canvas.width, canvas.height] = [width, height];
  }
  const pixels = new ImageData(data, width, height);
  canvas.getContext('2d').putImageData(pixels, 0, 0);
}
