// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/**
 * Compose a try-on at the size of the photograph, as
 * `mmfashion_ext.tryon.inference.full_size.compose_full_size` does.
 *
 * The network's maps are enlarged, the garment is sampled from its own pixels,
 * and where nothing changes the photograph's pixels are kept.
 */

/** Names of the network's maps that are used, and their channels. */
export const MAPS = { changed: 1, cloth_logits: 1, rendered: 3, flow: 2 };

/**
 * Return which two pixels of a line of `size` each of `resized` pixels lies
 * between, and the weight of the second; the centres of pixels count.
 */
function neighbours(size, resized) {
  const first = new Int32Array(resized);
  const second = new Int32Array(resized);
  const weight = new Float32Array(resized);
  for (let i = 0; i < resized; i++) {
    const at = Math.max(((i + 0.5) * size) / resized - 0.5, 0);
    first[i] = Math.min(Math.floor(at), size - 1);
    second[i] = Math.min(first[i] + 1, size - 1);
    weight[i] = at - first[i];
  }
  return { first, second, weight };
}

/** Where the network's maps show the photograph, row by row. */
class Enlarged {
  constructor(maps, frame) {
    this.frame = frame;
    this.columns = neighbours(frame.inside.width, frame.size.width);
    this.rows = neighbours(frame.inside.height, frame.size.height);
    /** Channels of all maps. */
    this.channels = Object.entries(MAPS).flatMap(([name, count]) =>
      Array.from({ length: count }, (_, c) =>
        maps[name].subarray(
          c * frame.width * frame.height,
          (c + 1) * frame.width * frame.height,
        ),
      ),
    );
    this.line = this.channels.map(
      () => new Float32Array(frame.inside.width),
    );
  }

  /**
   * Interpolate the maps to a row of the photograph.
   *
   * @returns {boolean} Whether anything changes in it.
   */
  setRow(y) {
    const { width, left, top } = this.frame;
    const { first, second, weight } = this.rows;
    const upper = (top + first[y]) * width + left;
    const lower = (top + second[y]) * width + left;
    const below = weight[y];
    for (let channel = 0; channel < this.channels.length; channel++) {
      const map = this.channels[channel];
      const line = this.line[channel];
      for (let x = 0; x < line.length; x++) {
        line[x] = map[upper + x] * (1 - below) + map[lower + x] * below;
      }
      if (channel === 0 && !line.some((changed) => changed > 0)) return false;
    }
    return true;
  }

  /** Return the value of a channel at a column of the photograph. */
  at(channel, x) {
    const { first, second, weight } = this.columns;
    const line = this.line[channel];
    const right = weight[x];
    return line[first[x]] * (1 - right) + line[second[x]] * right;
  }
}

/** Garment at its own size, sampled between its pixels. */
class Garment {
  constructor({ image, mask, frame }) {
    this.image = image.data;
    this.mask = mask;
    this.width = image.width;
    this.height = image.height;
    /** From -1 to 1 of the frame to px: x * [0] + [1]. */
    const toPixels = (side, corner, inside, size) => {
      const scale = size / inside;
      const half = Math.max(side - 1, 1) / 2;
      return [half * scale, (half - corner + 0.5) * scale - 0.5];
    };
    this.toX = toPixels(
      frame.width, frame.left, frame.inside.width, image.width,
    );
    this.toY = toPixels(
      frame.height, frame.top, frame.inside.height, image.height,
    );
    /** RGB in [-1, 1] of the last sample, and its mask, 0 to 1. */
    this.red = this.green = this.blue = this.visible = 0;
  }

  /** Sample at a position of the frame, -1 to 1 from centre to centre. */
  sample(gridX, gridY) {
    const { width, height } = this;
    const x = gridX * this.toX[0] + this.toX[1];
    const y = gridY * this.toY[0] + this.toY[1];
    // beyond the image its border has colours, and no mask
    const column = Math.min(Math.max(x, 0), width - 1);
    const row = Math.min(Math.max(y, 0), height - 1);
    const x0 = Math.floor(column);
    const y0 = Math.floor(row);
    const right = column - x0;
    const below = row - y0;
    const at = y0 * width + x0;
    const next = x0 + 1 < width ? 1 : 0;
    const down = y0 + 1 < height ? width : 0;
    this.red = this.green = this.blue = this.visible = 0;
    this.add(at, (1 - right) * (1 - below));
    this.add(at + next, right * (1 - below));
    this.add(at + down, (1 - right) * below);
    this.add(at + down + next, right * below);
    // up to a pixel beyond the image the mask fades
    const out = Math.max(Math.abs(x - column), Math.abs(y - row));
    if (out >= 1) this.visible = 0;
    else if (out > 0) {
      this.visible *= (1 - Math.abs(x - column)) * (1 - Math.abs(y - row));
    }
  }

  /** Add a pixel by its weight; outside the mask it has none. */
  add(pixel, weight) {
    const { mask, image } = this;
    if (!mask[pixel]) return;
    this.visible += weight;
    this.red += weight * (image[4 * pixel] / 127.5 - 1);
    this.green += weight * (image[4 * pixel + 1] / 127.5 - 1);
    this.blue += weight * (image[4 * pixel + 2] / 127.5 - 1);
  }
}

/**
 * Compose a try-on at the size of the photograph.
 *
 * @param {Record<string, Float32Array>} maps Of the network, see `MAPS`;
 *   (C, H, W) of the frame.
 * @param {import('./resize.js').Image} photograph RGBA.
 * @param {import('./frame.js').Frame} frame Where it lies in the frame.
 * @param {{image: import('./resize.js').Image, mask: Float32Array,
 *   frame: import('./frame.js').Frame}} garment RGBA, its mask of 0 and 1,
 *   and where both lie in their frame.
 * @returns {import('./resize.js').Image} RGBA.
 */
export function composeFullSize(maps, photograph, frame, garment) {
  const { width, height, data } = photograph;
  const enlarged = new Enlarged(maps, frame);
  const cloth = new Garment(garment);
  const result = new Uint8ClampedArray(data);
  for (let y = 0; y < height; y++) {
    if (!enlarged.setRow(y)) continue; // nothing changes in this row
    for (let x = 0; x < width; x++) {
      const changed = enlarged.at(0, x);
      if (changed <= 0) continue;
      cloth.sample(enlarged.at(5, x), enlarged.at(6, x));
      const weight = cloth.visible / (1 + Math.exp(-enlarged.at(1, x)));
      const at = 4 * (y * width + x);
      const set = (channel, colour) => {
        const made =
          colour * weight + enlarged.at(2 + channel, x) * (1 - weight);
        const kept = data[at + channel] / 127.5 - 1;
        const value = made * changed + kept * (1 - changed);
        result[at + channel] = value * 127.5 + 127.5; // the array rounds
      };
      set(0, cloth.red);
      set(1, cloth.green);
      set(2, cloth.blue);
    }
  }
  return { data: result, width, height };
}
