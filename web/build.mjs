// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/**
 * Build the page into one folder that any static host can serve.
 *
 *     node build.mjs [ASSETS] [OUT]
 *
 * ASSETS (default: assets) holds `model/` and `examples/`, which
 * tools/misc/build_web.py writes; OUT (default: dist) is replaced.
 */

import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync }
  from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const HERE = dirname(fileURLToPath(import.meta.url));
const [assets = join(HERE, 'assets'), out = join(HERE, 'dist')] =
  process.argv.slice(2);
const RUNTIME = join(HERE, 'node_modules/onnxruntime-web');
/** Files of ONNX Runtime that a browser loads, by backend. */
const RUNTIME_FILES = {
  wasm: ['ort.wasm.bundle.min.mjs', 'ort-wasm-simd-threaded.wasm'],
  webgpu: [
    'ort.webgpu.bundle.min.mjs',
    'ort-wasm-simd-threaded.asyncify.wasm',
  ],
};

for (const folder of ['model', 'examples']) {
  if (!existsSync(join(assets, folder))) {
    console.error(
      `error: ${join(assets, folder)} is missing: make it by 'make web', or ` +
        'python tools/misc/build_web.py',
    );
    process.exit(2);
  }
}
rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, 'ort'), { recursive: true });
for (const name of ['index.html', 'style.css', 'icon.svg']) {
  cpSync(join(HERE, 'src', name), join(out, name));
}
for (const folder of ['model', 'examples']) {
  cpSync(join(assets, folder), join(out, folder), { recursive: true });
}
for (const name of Object.values(RUNTIME_FILES).flat()) {
  cpSync(join(RUNTIME, 'dist', name), join(out, 'ort', name));
}
cpSync(join(HERE, 'onnxruntime_license.txt'), join(out, 'ort/LICENSE.txt'));
const bundled = {
  bundle: true, minify: true, format: 'esm', target: 'es2022',
  absWorkingDir: HERE, logLevel: 'warning',
};
await build({
  ...bundled, entryPoints: ['src/page.js', 'src/worker.js'], outdir: out,
});

const listed = readdirSync(out, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
  .sort();
const hash = createHash('sha256');
for (const file of listed) hash.update(file).update(readFileSync(file));
const names = listed.map((file) => relative(out, file).replaceAll('\\', '/'));
const webgpu = RUNTIME_FILES.webgpu.map((name) => `ort/${name}`);
await build({
  ...bundled,
  format: 'iife', // browsers without module service workers
  entryPoints: ['src/service_worker.js'],
  outdir: out,
  define: {
    FILES: JSON.stringify([
      './', ...names.filter((name) => !webgpu.includes(name)),
    ]),
    WEBGPU_FILES: JSON.stringify(webgpu),
    VERSION: JSON.stringify(hash.digest('hex').slice(0, 12)),
  },
});
console.log(`wrote ${out}`);
