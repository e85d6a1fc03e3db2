// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/**
 * Mask of a garment laid flat or on a hanger, by colours of the border.
 *
 * It follows `mmfashion_ext.formats.garments.flat_mask`: the background is
 * what the border of the image shows, in up to five colours; GrabCut refines
 * the difference, and masks that are not plausible are refused.
 */

import { refine } from './grabcut.js';
import { resize } from './resize.js';

/** @typedef {import('./resize.js').Image} Image */

/** Px, longer side of the image that is segmented. */
const WORKING_SIDE = 160;
const STRIP = 0.04; // of the shorter side, width of the border strip
const COLOURS = 5;
const LEAST_SHARE = 0.06;
const LIGHTNESS = 0.6; // weight of L in Lab: shadows of folds count less
const ROUNDS = 4; // of GrabCut
/** Limits of a plausible mask, as in Python. */
const LIMITS = { area: [0.1, 0.8], contact: 0.1, second: 0.25, holes: 0.06 };

/** Labels of pixels: sure and probable background and garment. */
export const LABEL = { background: 0, garment: 1, maybeNot: 2, maybe: 3 };

/** Error: no mask is plausible; its message says why. */
export class MaskError extends Error {}

/**
 * Cut a garment out of a photograph of it alone.
 *
 * @param {Image} image RGBA.
 * @returns {Image} One channel, 0 or 255, of the image's size.
 * @throws {MaskError}
 */
export function maskGarment(image) {
  const scale = WORKING_SIDE / Math.max(image.width, image.height);
  const small = resize(
    image,
    Math.max(8, Math.round(image.width * scale)),
    Math.max(8, Math.round(image.height * scale)),
  );
  let problem;
  for (const centre of [false, true]) {
    try {
      const { width, height } = small;
      const mask = check(segment(small, centre), width, height);
      const data = Uint8ClampedArray.from(mask, (on) => on * 255);
      const large = resize({ data, width, height }, image.width, image.height);
      const binary = large.data.map((value) => (value >= 128 ? 255 : 0));
      return { data: binary, width: image.width, height: image.height };
    } catch (error) {
      if (!(error instanceof MaskError)) throw error;
      problem ??= error;
    }
  }
  throw problem;
}

/**
 * Return the raw mask, 0 or 1.
 *
 * With `centre` the middle of the image is garment from the start, for
 * garments of the colours of their background.
 */
function segment(image, centre) {
  const { width, height } = image;
  const strip = borderStrip(width, height);
  const distance = backgroundDistance(toLab(image), strip);
  const middle = distance.map((_, i) => {
    const x = (i % width) / (width - 1) - 0.5;
    const y = Math.floor(i / width) / (height - 1) - 0.5;
    return Math.hypot(x / 0.3, y / 0.34);
  });
  const inner = centre ? 0.6 : 1;
  const far = median(distance.filter((_, i) => middle[i] < inner));
  const near = median(distance.filter((_, i) => strip[i]));
  const threshold = Math.max(0.5 * (near + far), near * 1.2);
  const labels = Uint8Array.from(distance, (value, i) => {
    if (strip[i] && value < threshold) return LABEL.background;
    if (centre && middle[i] < 0.5) return LABEL.garment;
    if (centre && middle[i] < 1) return LABEL.maybe;
    if (value > 1.6 * threshold) return LABEL.garment;
    return value > threshold ? LABEL.maybe : LABEL.maybeNot;
  });
  const garment = labels.filter((label) => label % 2).length;
  if (garment === 0 || garment === labels.length) {
    throw new MaskError('garment and background have the same colours');
  }
  refine(image, labels, ROUNDS);
  const found = labels.map((label) => label % 2);
  return dilate(erode(found, width, height), width, height);
}

/** Return where the border strip is, 1 or 0. */
function borderStrip(width, height) {
  const side = Math.max(2, Math.round(STRIP * Math.min(width, height)));
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const x = i % width;
    const y = Math.floor(i / width);
    const border = Math.min(x, y, width - 1 - x, height - 1 - y);
    return border < side ? 1 : 0;
  });
}

function median(values) {
  if (!values.length) return 0;
  const sorted = Float32Array.from(values).sort();
  const half = sorted.length >> 1;
  if (sorted.length % 2) return sorted[half];
  return (sorted[half - 1] + sorted[half]) / 2;
}

/** Convert to CIE Lab with a lighter L; three values for each pixel. */
function toLab({ data, width, height }) {
  const lab = new Float32Array(3 * width * height);
  const linear = (level) => {
    const x = level / 255;
    return x > 0.04045 ? ((x + 0.055) / 1.055) ** 2.4 : x / 12.92;
  };
  const root = (x) => (x > 0.008856 ? Math.cbrt(x) : 7.787 * x + 16 / 116);
  for (let i = 0; i < width * height; i++) {
    const [r, g, b] = [0, 1, 2].map((c) => linear(data[4 * i + c]));
    const x = root((0.412453 * r + 0.35758 * g + 0.180423 * b) / 0.950456);
    const y = root(0.212671 * r + 0.71516 * g + 0.072169 * b);
    const z = root((0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.088754);
    lab[3 * i] = LIGHTNESS * (116 * y - 16);
    lab[3 * i + 1] = 500 * (x - y);
    lab[3 * i + 2] = 200 * (y - z);
  }
  return lab;
}

/**
 * Return the distance of each pixel to the nearest colour of the border, in
 * units of the spread of that colour.
 */
function backgroundDistance(lab, strip) {
  const border = [];
  strip.forEach((on, i) => on && border.push(lab.subarray(3 * i, 3 * i + 3)));
  const groups = kMeans(border, COLOURS);
  const colours = groups
    .filter(({ members }) => members.length >= LEAST_SHARE * border.length)
    .map(({ centre, members }) => {
      const sum = members.reduce((s, x) => s + squared(x, centre), 0);
      const spread = Math.max(3, Math.sqrt(sum / members.length));
      return { centre, spread };
    });
  return Float32Array.from(strip, (_, i) => {
    const pixel = lab.subarray(3 * i, 3 * i + 3);
    return Math.min(
      ...colours.map((c) => Math.sqrt(squared(pixel, c.centre)) / c.spread),
    );
  });
}

function squared(a, b) {
  return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;
}

/**
 * Group points by k-means; each new centre starts at the farthest point.
 *
 * @param {ArrayLike<number>[]} points Of three values.
 * @param {number} count Largest number of groups.
 * @returns {{centre: number[], members: ArrayLike<number>[]}[]}
 */
export function kMeans(points, count, rounds = 20) {
  const mean = (members) =>
    [0, 1, 2].map(
      (c) => members.reduce((sum, x) => sum + x[c], 0) / members.length,
    );
  const centres = [mean(points)];
  const nearest = (point) => {
    let best = 0;
    for (let k = 1; k < centres.length; k++) {
      if (squared(point, centres[k]) < squared(point, centres[best])) best = k;
    }
    return best;
  };
  let groups = [{ centre: centres[0], members: points }];
  for (let round = 0; round < rounds + count; round++) {
    if (centres.length < count) {
      let [farthest, most] = [null, 0];
      for (const point of points) {
        const away = squared(point, centres[nearest(point)]);
        if (away > most) [farthest, most] = [point, away];
      }
      if (farthest) centres.push([...farthest]);
    }
    const parts = centres.map(() => []);
    for (const point of points) parts[nearest(point)].push(point);
    groups = parts
      .filter((members) => members.length)
      .map((members) => ({ centre: mean(members), members }));
    centres.splice(0, centres.length, ...groups.map(({ centre }) => centre));
  }
  return groups;
}

/** Px (x, y) of the 5 x 5 ellipse. */
const ELLIPSE = [-2, -1, 0, 1, 2].flatMap((y) =>
  (Math.abs(y) === 2 ? [0] : [-2, -1, 0, 1, 2]).map((x) => [x, y]),
);

/** Keep pixels whose whole neighbourhood within the image has a value. */
function grow(mask, width, height, value) {
  return mask.map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const any = ELLIPSE.some(([dx, dy]) => {
      const [column, row] = [x + dx, y + dy];
      if (column < 0 || row < 0 || column >= width || row >= height) {
        return false;
      }
      return mask[row * width + column] === value;
    });
    return any ? value : 1 - value;
  });
}

const dilate = (mask, width, height) => grow(mask, width, height, 1);
const erode = (mask, width, height) => grow(mask, width, height, 0);

/**
 * Number the connected parts of the pixels that have a value.
 *
 * @param {Uint8Array} mask
 * @param {boolean} diagonal Whether diagonal neighbours are connected.
 * @returns {{part: Int32Array, areas: number[]}} Parts from 1, else 0.
 */
function connectedParts(mask, width, height, value, diagonal) {
  const part = new Int32Array(mask.length);
  const areas = [];
  for (let start = 0; start < mask.length; start++) {
    if (mask[start] !== value || part[start]) continue;
    const open = [start];
    part[start] = areas.length + 1;
    let area = 0;
    while (open.length) {
      const i = open.pop();
      area++;
      const [x, y] = [i % width, Math.floor(i / width)];
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          if (!diagonal && dx && dy) continue;
          const [column, row] = [x + dx, y + dy];
          if (column < 0 || row < 0 || column >= width || row >= height) {
            continue;
          }
          const next = row * width + column;
          if (mask[next] !== value || part[next]) continue;
          part[next] = areas.length + 1;
          open.push(next);
        }
      }
    }
    areas.push(area);
  }
  return { part, areas };
}

/** Return the largest part of a mask, its holes filled. */
function check(raw, width, height) {
  const { part, areas } = connectedParts(raw, width, height, 1, true);
  if (!areas.length) throw new MaskError('no garment stands out');
  const [largest, second = 0] = [...areas].sort((a, b) => b - a);
  if (second > LIMITS.second * largest) {
    throw new MaskError('two things of similar size');
  }
  const number = areas.indexOf(largest) + 1;
  const garment = Uint8Array.from(part, (value) => (value === number ? 1 : 0));
  // what the border does not reach is a hole
  const around = connectedParts(garment, width, height, 0, false);
  const outside = new Set();
  around.part.forEach((value, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const rim = !x || !y || x === width - 1 || y === height - 1;
    if (rim && value) outside.add(value);
  });
  const mask = garment.map((_, i) => (outside.has(around.part[i]) ? 0 : 1));
  const area = mask.reduce((sum, on) => sum + on, 0);
  const share = area / mask.length;
  const percent = Math.round(100 * share);
  if (share < LIMITS.area[0] || share > LIMITS.area[1]) {
    throw new MaskError(`what stands out is ${percent} % of the image`);
  }
  if (area - largest > LIMITS.holes * area) throw new MaskError('holes');
  const rim = [...mask.keys()].filter((i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return !x || !y || x === width - 1 || y === height - 1;
  });
  if (rim.filter((i) => mask[i]).length > LIMITS.contact * rim.length) {
    throw new MaskError('the garment reaches the border of the image');
  }
  return mask;
}
