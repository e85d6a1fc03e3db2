// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/**
 * Resizing of 8-bit images as Pillow's bilinear filter does it.
 *
 * Two passes, rows first, with the same fixed-point weights and the same
 * rounding: the result is that of `Image.resize` to the grey level, unless one
 * side grows and the other shrinks, which nothing here does.
 * An image is {data, width, height}: `data` holds `width * height` pixels, row
 * by row, of one channel, or of four, red, green, blue and an opacity of 255.
 *
 * @typedef {{data: Uint8ClampedArray, width: number, height: number}} Image
 */

/** Bits after the point of a weight. */
const PRECISION = 22;

/**
 * Return the first pixel and the weights of each pixel of a resized line.
 *
 * @param {number} size Pixels of the line.
 * @param {number} resized Pixels of the resized line.
 * @returns {{start: Int32Array, count: Int32Array, weights: Int32Array,
 *   stride: number}} Weights of pixel i start at i * stride.
 */
function weightsOfLine(size, resized) {
  const scale = size / resized;
  const support = Math.max(scale, 1); // a triangle, wider when it shrinks
  const stride = Math.ceil(support) * 2 + 1;
  const start = new Int32Array(resized);
  const count = new Int32Array(resized);
  const weights = new Int32Array(resized * stride);
  const line = new Float64Array(stride);
  for (let i = 0; i < resized; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), size);
    let sum = 0;
    for (let x = first; x < end; x++) {
      const distance = Math.abs((x - centre + 0.5) / support);
      line[x - first] = distance < 1 ? 1 - distance : 0;
      sum += line[x - first];
    }
    start[i] = first;
    count[i] = end - first;
    for (let x = 0; x < end - first; x++) {
      weights[i * stride + x] = Math.trunc(
        0.5 + (line[x] / sum) * (1 << PRECISION),
      );
    }
  }
  return { start, count, weights, stride };
}

/**
 * Resize the lines of an image along one axis.
 *
 * `step` values lie between neighbours of a line, `lineStep` between the
 * starts of neighbouring lines.
 */
function resizeLines(from, to, lines, line, resized, channels, axis) {
  const { start, count, weights, stride } = line;
  const [step, lineStep, outStep, outLineStep] = axis;
  const half = 1 << (PRECISION - 1);
  for (let n = 0; n < lines; n++) {
    for (let i = 0; i < resized; i++) {
      let at = n * lineStep + start[i] * step;
      const out = n * outLineStep + i * outStep;
      const end = i * stride + count[i];
      // the array limits what is shifted to 0-255
      if (channels === 1) {
        let sum = half;
        for (let w = i * stride; w < end; w++, at += step) {
          sum += from[at] * weights[w];
        }
        to[out] = sum >> PRECISION;
        continue;
      }
      let red = half;
      let green = half;
      let blue = half;
      for (let w = i * stride; w < end; w++, at += step) {
        const weight = weights[w];
        red += from[at] * weight;
        green += from[at + 1] * weight;
        blue += from[at + 2] * weight;
      }
      to[out] = red >> PRECISION;
      to[out + 1] = green >> PRECISION;
      to[out + 2] = blue >> PRECISION;
      to[out + 3] = 255;
    }
  }
}

/**
 * Resize an image with Pillow's bilinear filter, antialiased if it shrinks.
 *
 * @param {Image} image
 * @param {number} width
 * @param {number} height
 * @returns {Image} The image itself if it has that size.
 */
export function resize(image, width, height) {
  const channels = image.data.length / (image.width * image.height);
  let { data } = image;
  if (width !== image.width) {
    const wide = new Uint8ClampedArray(width * image.height * channels);
    resizeLines(
      data, wide, image.height, weightsOfLine(image.width, width), width,
      channels,
      [channels, image.width * channels, channels, width * channels],
    );
    data = wide;
  }
  if (height !== image.height) {
    const row = width * channels;
    const high = new Uint8ClampedArray(row * height);
    // a column is a line of its own; channels and columns lie side by side
    resizeLines(
      data, high, width, weightsOfLine(image.height, height), height,
      channels, [row, channels, row, channels],
    );
    data = high;
  }
  return data === image.data ? image : { data, width, height };
}

/**
 * Cut a rectangle out of an image.
 *
 * @param {Image} image
 * @param {{left: number, top: number, width: number, height: number}} box
 * @returns {Image}
 */
export function crop(image, { left, top, width, height }) {
  const channels = image.data.length / (image.width * image.height);
  const row = width * channels;
  const data = new Uint8ClampedArray(row * height);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * image.width + left) * channels;
    data.set(image.data.subarray(start, start + row), y * row);
  }
  return { data, width, height };
}

/**
 * Put an image into a larger one and repeat its border beside it.
 *
 * @param {Image} image
 * @param {{left: number, top: number, width: number, height: number}} frame
 *   Size of the result, and where in it the image's first pixel lies.
 * @returns {Image}
 */
export function pad(image, { left, top, width, height }) {
  const channels = image.data.length / (image.width * image.height);
  const data = new Uint8ClampedArray(width * height * channels);
  for (let y = 0; y < height; y++) {
    const row = Math.min(Math.max(y - top, 0), image.height - 1);
    for (let x = 0; x < width; x++) {
      const column = Math.min(Math.max(x - left, 0), image.width - 1);
      const from = (row * image.width + column) * channels;
      const to = (y * width + x) * channels;
      for (let c = 0; c < channels; c++) data[to + c] = image.data[from + c];
    }
  }
  return { data, width, height };
}
