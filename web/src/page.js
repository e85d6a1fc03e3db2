// Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
/** The page: choices of person and garment, the try-on, its speed. */

import { Camera } from './camera.js';
import { draw, fetchImage, readImage, UserError } from './image_files.js';
import { keepOffline } from './offline.js';
import { startWorker, WorkerError } from './worker_calls.js';

const BASE = new URL('.', import.meta.url).href;
const ROUNDS = 20; // of a measurement
const RECENT = 15; // images of the camera that the rate is the mean of

const $ = (selector) => document.querySelector(selector);
const call = startWorker(new URL('worker.js', import.meta.url));
/** What is chosen; `image` is RGBA, of a garment also `mask`, or missing. */
const chosen = { persons: null, garments: null };
const files = { persons: 0, garments: 0 };
let ready = false;
let camera = null;
let shown = null; // { original, result } of what is on the canvas
let newest = 0; // number of the last request; older ones are not shown

function say(text) {
  $('#status').textContent = text;
}

/** Show an error; what is no message for visitors goes to the console too. */
function fail(error) {
  if (!(error instanceof UserError)) console.error(error);
  $('#error').textContent = error.message;
  say('');
}

/** Run what a control does, and show its error. */
function on(selector, event, action) {
  $(selector).addEventListener(event, async (details) => {
    $('#error').textContent = '';
    try {
      await action(details);
    } catch (error) {
      fail(error);
    }
  });
}

/** Add a choice to a strip; return its radio button. */
function addChoice(group, { name, picture }, choose) {
  const label = document.createElement('label');
  label.className = 'choice';
  const radio = document.createElement('input');
  Object.assign(radio, { type: 'radio', name: group });
  const text = document.createElement('span');
  text.textContent = name;
  label.append(radio, picture, text);
  radio.addEventListener('change', () => {
    $('#error').textContent = '';
    choose().catch(fail);
  });
  $(`#${group} .strip`).append(label);
  return radio;
}

function thumbnail(url) {
  const picture = document.createElement('img');
  Object.assign(picture, { src: url, alt: '' }); // its name stands below
  return picture;
}

/** Draw a garment on white, by its mask, or a person. */
function miniature({ image, mask }) {
  const picture = document.createElement('canvas');
  const data = new Uint8ClampedArray(image.data);
  mask?.data.forEach((on, i) => {
    if (on < 128) data.fill(255, 4 * i, 4 * i + 4);
  });
  draw(picture, { ...image, data });
  return picture;
}

async function choosePerson(person) {
  stopCamera();
  person.image ??= await fetchImage(person.url);
  chosen.persons = person;
  await update();
}

async function chooseGarment(garment) {
  garment.image ??= await fetchImage(garment.url);
  if (garment.mask === undefined && garment.maskUrl) {
    const { data, width, height } = await fetchImage(garment.maskUrl);
    const mask = data.filter((_, i) => i % 4 === 0);
    garment.mask = { data: mask, width, height };
  }
  chosen.garments = garment;
  await update();
}

/** Let the worker encode a garment; it makes a mask that is missing. */
async function encode(garment) {
  const { key, image, mask, name } = garment;
  if (await call('has', { key })) return;
  try {
    garment.mask = await call('garment', { key, image, mask });
  } catch (error) {
    if (!(error instanceof WorkerError && error.mask)) throw error;
    throw new UserError(
      `${name}: the garment could not be cut out (${error.message}); ` +
        'choose a photograph of one garment alone, laid flat and whole in ' +
        'the image, on a plain background.',
    );
  }
}

function checkReady() {
  if (!ready) throw new UserError('The network is still loading; try again.');
}

/** Make the try-on of what is chosen, unless the camera does. */
async function update() {
  if (!ready || !chosen.garments) return;
  if (camera) return encode(chosen.garments);
  if (!chosen.persons) return;
  const request = ++newest;
  const { persons: person, garments: garment } = chosen;
  say('Computing …');
  await encode(garment);
  const made = await call('tryOn', { key: garment.key, person: person.image });
  if (request !== newest || camera) return;
  show(person.image, made.image, `${person.name}, wearing: ${garment.name}`);
  const { milliseconds } = made;
  $('#rate').textContent =
    `${milliseconds.toFixed(0)} ms, ${(1000 / milliseconds).toFixed(1)} ` +
    'try-ons a second';
  say('Done.');
}

/** Show a try-on, or its original while that is wanted. */
function show(original, result, name) {
  shown = { original, result, name };
  const before = $('#before').getAttribute('aria-pressed') === 'true';
  const canvas = $('#result');
  draw(canvas, before ? original : result);
  const label = before ? `Original: ${name.split(',')[0]}` : name;
  if (canvas.getAttribute('aria-label') !== label) {
    canvas.setAttribute('aria-label', label);
  }
  $('#before').disabled = $('#save').disabled = false;
}

function stopCamera() {
  camera?.close();
  camera = null;
  $('#camera').setAttribute('aria-pressed', 'false');
  $('#camera').textContent = 'Use the camera';
}

/** Dress the person in front of the camera, until it is stopped. */
async function runCamera() {
  say('Starting the camera …');
  camera = await Camera.open();
  const running = camera;
  $('#camera').setAttribute('aria-pressed', 'true');
  $('#camera').textContent = 'Stop the camera';
  document.querySelectorAll('[name=persons]').forEach((radio) => {
    radio.checked = false;
  });
  chosen.persons = null;
  const times = [performance.now()];
  while (camera === running) {
    const garment = chosen.garments;
    await encode(garment);
    const person = running.read();
    const made = await call('tryOn', { key: garment.key, person });
    if (camera !== running) break;
    newest++;
    show(person, made.image, `You, wearing: ${garment.name}`);
    times.push(performance.now());
    if (times.length > RECENT) times.shift();
    const rate = (1000 * (times.length - 1)) / (times.at(-1) - times[0]);
    $('#rate').textContent = `${rate.toFixed(1)} try-ons a second`;
    if (times.length === 2) say('The camera is on; nothing is recorded.');
    await new Promise(requestAnimationFrame); // let the page be drawn
  }
}

on('#camera', 'click', async () => {
  if (camera) {
    stopCamera();
    say('The camera is off.');
    return;
  }
  checkReady();
  try {
    await runCamera();
  } catch (error) {
    stopCamera();
    throw error;
  }
});

/** Add a file of the visitor to a strip and choose it. */
async function addFile(group, file) {
  const number = ++files[group];
  const { image, alpha } = await readImage(file, file.name);
  const item = { key: `${group} file ${number}`, name: file.name, image };
  if (group === 'garments') {
    item.mask = alpha ?? undefined;
    checkReady();
    await encode(item);
  }
  const choose = group === 'persons' ? choosePerson : chooseGarment;
  const look = { name: file.name, picture: miniature(item) };
  const radio = addChoice(group, look, () => choose(item));
  radio.checked = true;
  radio.parentElement.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  await choose(item);
}

for (const [group, input] of [
  ['persons', '#person-file'],
  ['garments', '#garment-file'],
]) {
  on(input, 'change', async ({ target }) => {
    const [file] = target.files;
    if (file) await addFile(group, file);
  });
  on(`#${group}`, 'drop', async (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) await addFile(group, file);
  });
  on(`#${group}`, 'dragover', (event) => event.preventDefault());
}

on('#before', 'click', ({ target }) => {
  const pressed = target.getAttribute('aria-pressed') === 'true';
  target.setAttribute('aria-pressed', String(!pressed));
  show(shown.original, shown.result, shown.name);
});

on('#save', 'click', async () => {
  const { data, width, height } = shown.result;
  const canvas = document.createElement('canvas');
  draw(canvas, { data, width, height });
  const file = await new Promise((done) => canvas.toBlob(done, 'image/png'));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = 'try-on.png';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

on('#measure', 'click', async () => {
  const person = camera?.read() ?? chosen.persons?.image;
  if (!person) throw new UserError('Choose a person first.');
  const { key } = chosen.garments;
  $('#speed').textContent = 'Measuring …';
  const times = await call('measure', { key, person, rounds: ROUNDS });
  const middle = (kind) =>
    times.map((time) => time[kind]).sort((a, b) => a - b)[ROUNDS >> 1];
  const [all, network] = [middle('all'), middle('network')];
  $('#speed').textContent =
    `${(1000 / all).toFixed(1)} try-ons a second: ${all.toFixed(0)} ms ` +
    `each, ${network.toFixed(0)} ms of them in the network (median of ` +
    `${ROUNDS}).`;
  $('#speed').dataset.times = JSON.stringify(times);
});

async function start() {
  const parameters = new URLSearchParams(location.search);
  const { persons, garments } = await (
    await fetch(new URL('examples/examples.json', BASE))
  ).json();
  const at = (path) => new URL(`examples/${path}`, BASE).href;
  const groups = { persons, garments };
  for (const [group, list] of Object.entries(groups)) {
    const choose = group === 'persons' ? choosePerson : chooseGarment;
    list.forEach(({ name, file, mask }, index) => {
      const maskUrl = mask && at(mask);
      const item = { key: `${group} ${index}`, name, url: at(file), maskUrl };
      const look = { name, picture: thumbnail(item.url) };
      const radio = addChoice(group, look, () => choose(item));
      if (index === 0 && !chosen[group]) {
        radio.checked = true;
        chosen[group] = item;
      }
    });
  }
  say('Loading the network …');
  const about = await call('load', {
    base: BASE,
    backend: parameters.get('backend') ?? undefined,
    threads: Number(parameters.get('threads')) || undefined,
  });
  ready = true;
  const [height, width] = about.size;
  const runner = {
    webgpu: 'the graphics card (WebGPU)',
    wasm: `the processor (WebAssembly, threads: ${about.threads})`,
  }[about.backend];
  $('#runtime').textContent =
    `${about.model}, ${width} x ${height} px, runs on ${runner}.`;
  $('#runtime').dataset.backend = about.backend;
  $('#measure').disabled = false;
  const garment = chosen.garments;
  const person = chosen.persons;
  chosen.garments = null;
  if (person) await choosePerson(person);
  await chooseGarment(garment);
  await keepOffline(BASE, about.backend);
}

start().catch((error) => {
  const { message } = error;
  fail(new Error(`The page could not be loaded: ${message}. Reload it.`));
});
