// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/**
 * Minimum cut of a grid of pixels: the algorithm of Boykov and Kolmogorov
 * (An experimental comparison of min-cut/max-flow algorithms, PAMI 2004).
 */

const [NONE, TERMINAL, ORPHAN] = [-1, 8, 9];
const [SOURCE, SINK] = [0, 1];

/** Steps to the eight neighbours; the opposite of n is 7 - n. */
export const STEPS = [
  [-1, -1], [0, -1], [1, -1], [-1, 0], [1, 0], [-1, 1], [0, 1], [1, 1],
];

/** A grid of pixels, each connected to its neighbours and two terminals. */
export class GridCut {
  constructor(width, height) {
    // one more pixel at each side, connected to nothing
    this.row = width + 2;
    const count = this.row * (height + 2);
    this.steps = STEPS.map(([x, y]) => y * this.row + x);
    /** Capacity from pixel i to its neighbour n at 8 i + n. */
    this.capacity = new Float64Array(8 * count);
    /** Capacity from the source, minus that to the sink. */
    this.terminal = new Float64Array(count);
    this.parent = new Int8Array(count).fill(NONE);
    this.tree = new Uint8Array(count);
    this.stamp = new Int32Array(count);
    this.distance = new Int32Array(count);
    this.queued = new Uint8Array(count);
    this.active = [];
    this.orphans = [];
    this.time = 0;
  }

  /** Return the number of the pixel (x, y). */
  index(x, y) {
    return (y + 1) * this.row + x + 1;
  }

  /** Connect a pixel and its neighbour n in both directions. */
  connect(i, n, capacity) {
    this.capacity[8 * i + n] = capacity;
    this.capacity[8 * (i + this.steps[n]) + 7 - n] = capacity;
  }

  /** Return whether a pixel is on the source's side; after `cut`. */
  isSource(i) {
    return this.parent[i] !== NONE && this.tree[i] === SOURCE;
  }

  /** Find the minimum cut. */
  cut() {
    this.terminal.forEach((capacity, i) => {
      if (!capacity) return;
      this.tree[i] = capacity > 0 ? SOURCE : SINK;
      this.parent[i] = TERMINAL;
      this.distance[i] = 1;
      this.push(i);
    });
    for (let first = 0; first < this.active.length; ) {
      const i = this.active[first];
      const meeting = this.parent[i] === NONE ? null : this.growFrom(i);
      if (!meeting) {
        this.queued[i] = 0;
        first++;
        if (first > 1e5) {
          this.active.splice(0, first);
          first = 0;
        }
        continue;
      }
      this.time++;
      this.augment(...meeting);
      while (this.orphans.length) this.adopt(this.orphans.pop());
    }
  }

  push(i) {
    if (this.queued[i]) return;
    this.queued[i] = 1;
    this.active.push(i);
  }

  /** Capacity that is left along the tree, from pixel i to neighbour n. */
  left(i, n, tree) {
    return tree === SOURCE
      ? this.capacity[8 * i + n]
      : this.capacity[8 * (i + this.steps[n]) + 7 - n];
  }

  /** Grow a tree from a pixel; return where it meets the other tree. */
  growFrom(i) {
    const tree = this.tree[i];
    for (let n = 0; n < 8; n++) {
      if (this.left(i, n, tree) <= 0) continue;
      const next = i + this.steps[n];
      if (this.parent[next] === NONE) {
        this.tree[next] = tree;
        this.attach(next, 7 - n, i);
        this.push(next);
      } else if (this.tree[next] !== tree) {
        return tree === SOURCE ? [i, n, next] : [next, 7 - n, i];
      } else if (
        this.stamp[next] <= this.stamp[i] &&
        this.distance[next] > this.distance[i]
      ) {
        this.attach(next, 7 - n, i);
      }
    }
    return null;
  }

  attach(i, n, parent) {
    this.parent[i] = n;
    this.stamp[i] = this.stamp[parent];
    this.distance[i] = this.distance[parent] + 1;
  }

  /** Push all that a path can carry from source to sink. */
  augment(from, n, to) {
    let flow = this.capacity[8 * from + n];
    for (const end of [from, to]) {
      const tree = this.tree[end];
      let i = end;
      for (; this.parent[i] !== TERMINAL; i += this.steps[this.parent[i]]) {
        flow = Math.min(flow, this.towards(i, tree));
      }
      flow = Math.min(flow, Math.abs(this.terminal[i]));
    }
    this.move(from, n, flow);
    for (const end of [from, to]) {
      const tree = this.tree[end];
      let i = end;
      while (this.parent[i] !== TERMINAL) {
        const up = this.parent[i];
        const parent = i + this.steps[up];
        if (tree === SOURCE) this.move(parent, 7 - up, flow);
        else this.move(i, up, flow);
        if (this.towards(i, tree) <= 0) this.setOrphan(i);
        i = parent;
      }
      this.terminal[i] += tree === SOURCE ? -flow : flow;
      if (Math.abs(this.terminal[i]) < 1e-12) {
        this.terminal[i] = 0;
        this.setOrphan(i);
      }
    }
  }

  /** Capacity between a pixel and its parent, in the flow's direction. */
  towards(i, tree) {
    // an orphan keeps its way up until it is adopted
    return this.left(i, this.parent[i], 1 - tree);
  }

  move(i, n, flow) {
    const at = 8 * i + n;
    this.capacity[at] -= flow;
    if (this.capacity[at] < 1e-12) this.capacity[at] = 0;
    this.capacity[8 * (i + this.steps[n]) + 7 - n] += flow;
  }

  setOrphan(i) {
    this.parent[i] = ORPHAN;
    this.orphans.push(i);
  }

  /** Find a new parent of an orphan, or make its children orphans. */
  adopt(i) {
    const tree = this.tree[i];
    let [best, nearest] = [NONE, Infinity];
    for (let n = 0; n < 8; n++) {
      const next = i + this.steps[n];
      if (this.left(i, n, 1 - tree) <= 0) continue;
      if (this.tree[next] !== tree || this.parent[next] === NONE) continue;
      const away = this.distanceToRoot(next);
      if (away < nearest) [best, nearest] = [n, away];
    }
    if (best !== NONE) {
      this.parent[i] = best;
      this.stamp[i] = this.time;
      this.distance[i] = nearest + 1;
      return;
    }
    this.parent[i] = NONE;
    for (let n = 0; n < 8; n++) {
      const next = i + this.steps[n];
      const parent = this.parent[next];
      if (this.tree[next] !== tree || parent === NONE) continue;
      if (this.left(i, n, 1 - tree) > 0) this.push(next);
      if (parent === 7 - n) this.setOrphan(next);
    }
  }

  /** Return how far the root of a pixel's tree is; Infinity: it has none. */
  distanceToRoot(start) {
    let steps = 0;
    let i = start;
    for (;;) {
      if (this.stamp[i] === this.time) {
        steps += this.distance[i];
        break;
      }
      const up = this.parent[i];
      if (up === ORPHAN || up === NONE) return Infinity;
      steps++;
      if (up === TERMINAL) {
        this.stamp[i] = this.time;
        this.distance[i] = 1;
        break;
      }
      i += this.steps[up];
    }
    for (let j = start, away = steps; this.stamp[j] !== this.time; ) {
      this.stamp[j] = this.time;
      this.distance[j] = away--;
      j += this.steps[this.parent[j]];
    }
    return steps;
  }
}
