// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/**
 * GrabCut (Rother, Kolmogorov, Blake, SIGGRAPH 2004), with the constants of
 * OpenCV: colours of garment and background are mixtures of five Gaussians,
 * and the border between them is a minimum cut.
 */

import { kMeans, LABEL } from './garment_mask.js';
import { GridCut, STEPS } from './max_flow.js';

const COMPONENTS = 5;
const GAMMA = 50; // weight of a border between pixels of one colour

/** Gaussian in RGB. */
class Gaussian {
  constructor(pixels, total) {
    this.weight = pixels.length / total;
    this.mean = [0, 1, 2].map(
      (c) => pixels.reduce((sum, x) => sum + x[c], 0) / pixels.length,
    );
    const [rr, rg, rb, gg, gb, bb] = [
      [0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2],
    ].map(
      ([a, b]) =>
        pixels.reduce((sum, x) => sum + x[a] * x[b], 0) / pixels.length -
        this.mean[a] * this.mean[b],
    );
    this.invert(rr, rg, rb, gg, gb, bb);
  }

  /** Set determinant and inverse of a symmetric covariance. */
  invert(rr, rg, rb, gg, gb, bb) {
    const det =
      rr * (gg * bb - gb * gb) -
      rg * (rg * bb - gb * rb) +
      rb * (rg * gb - gg * rb);
    if (det <= 1e-6) {
      // a single colour, or colours of a plane
      this.invert(rr + 0.01, rg, rb, gg + 0.01, gb, bb + 0.01);
      return;
    }
    this.scale = 1 / Math.sqrt(det);
    this.inverse = [
      (gg * bb - gb * gb) / det, (rb * gb - rg * bb) / det,
      (rg * gb - rb * gg) / det, (rr * bb - rb * rb) / det,
      (rb * rg - rr * gb) / det, (rr * gg - rg * rg) / det,
    ];
  }

  density(pixel) {
    const a = pixel[0] - this.mean[0];
    const b = pixel[1] - this.mean[1];
    const c = pixel[2] - this.mean[2];
    const m = this.inverse; // rr, rg, rb, gg, gb, bb
    const square =
      a * (a * m[0] + 2 * (b * m[1] + c * m[2])) +
      b * (b * m[3] + 2 * c * m[4]) + c * c * m[5];
    return this.scale * Math.exp(-0.5 * square);
  }
}

/** Mixture of Gaussians of groups of pixels. */
class Mixture {
  constructor(groups) {
    const total = groups.reduce((sum, group) => sum + group.length, 0);
    this.parts = groups
      .filter((group) => group.length)
      .map((group) => new Gaussian(group, total));
  }

  /** Return the mixture of the pixels by their likeliest Gaussians. */
  refit(pixels) {
    const groups = this.parts.map(() => []);
    for (const pixel of pixels) {
      let [likeliest, most] = [0, -1];
      for (let k = 0; k < this.parts.length; k++) {
        const density = this.parts[k].density(pixel);
        if (density > most) [likeliest, most] = [k, density];
      }
      groups[likeliest].push(pixel);
    }
    return new Mixture(groups);
  }

  cost(pixel) {
    let density = 0;
    for (const part of this.parts) {
      density += part.weight * part.density(pixel);
    }
    return -Math.log(Math.max(density, 1e-300));
  }
}

/**
 * Refine labels of pixels, in place.
 *
 * @param {import('./resize.js').Image} image RGBA.
 * @param {Uint8Array} labels See `LABEL`; those that are sure stay.
 * @param {number} rounds
 */
export function refine(image, labels, rounds) {
  const { width, height, data } = image;
  const pixels = Array.from(labels, (_, i) => data.subarray(4 * i, 4 * i + 3));
  const edges = borders(pixels, width, height);
  const side = (odd) => pixels.filter((_, i) => labels[i] % 2 === odd);
  let mixtures = [0, 1].map(
    (odd) =>
      new Mixture(
        kMeans(side(odd), COMPONENTS, 10).map(({ members }) => members),
      ),
  );
  for (let round = 0; round < rounds; round++) {
    if (!side(0).length || !side(1).length) return;
    mixtures = mixtures.map((mixture, odd) => mixture.refit(side(odd)));
    const grid = new GridCut(width, height);
    for (const [i, n, capacity] of edges) {
      grid.connect(grid.index(i % width, Math.floor(i / width)), n, capacity);
    }
    const number = (i) => grid.index(i % width, Math.floor(i / width));
    labels.forEach((label, i) => {
      grid.terminal[number(i)] = {
        [LABEL.background]: -9 * GAMMA,
        [LABEL.garment]: 9 * GAMMA,
      }[label] ?? mixtures[0].cost(pixels[i]) - mixtures[1].cost(pixels[i]);
    });
    grid.cut();
    labels.forEach((label, i) => {
      if (label === LABEL.maybe || label === LABEL.maybeNot) {
        labels[i] = grid.isSource(number(i)) ? LABEL.maybe : LABEL.maybeNot;
      }
    });
  }
}

/** Return [pixel, neighbour, cost of a border between the two], each once. */
function borders(pixels, width, height) {
  const pairs = [];
  let sum = 0;
  for (let i = 0; i < pixels.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    for (let n = 4; n < 8; n++) {
      const [column, row] = [x + STEPS[n][0], y + STEPS[n][1]];
      if (column < 0 || column >= width || row >= height) continue;
      const other = pixels[row * width + column];
      const square = [0, 1, 2].reduce(
        (total, c) => total + (pixels[i][c] - other[c]) ** 2, 0,
      );
      sum += square;
      pairs.push([i, n, square]);
    }
  }
  const beta = sum > 0 ? pairs.length / (2 * sum) : 0;
  return pairs.map(([i, n, square]) => [
    i,
    n,
    (GAMMA / Math.hypot(...STEPS[n])) * Math.exp(-beta * square),
  ]);
}
