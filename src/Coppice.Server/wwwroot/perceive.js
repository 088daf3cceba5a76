// One picture at a time: asked of the server, drawn with its boxes and classes, listed.
import { ApiError, ask, complain, headers, keepKey, needKey, refusal } from './api.js';
import { bytes, count, plural } from './engine.js';

const $ = id => document.getElementById(id);
const mostColumns = 2048; // of the canvas: more only costs memory
const strength = .5;
const leastShare = .0005;
let network = null, seen = null, run = null, chosen = null, pointed = null;

// The request

/** What the network is; loads it on the server, so that the first picture is as quick as the others. */
async function meet() {
  const info = await ask('v1/perceive');
  info.colors = new Map([...info.object_classes, ...info.label_classes].map(({ name, color }) => [name, color]));
  $('model').textContent = `${info.variant} network of ${info.width}×${info.height} in ${info.precision}`;
  $('score').min = info.least_score;
  $('key-field').hidden = true;
  return info;
}

async function perceive(file, name) {
  run?.abort();
  if (name.length > 48) name = `${name.slice(0, 36)}…${name.slice(-8)}`;
  const own = run = new AbortController();
  $('error').hidden = true;
  wait(true);
  say(`Perceiving ${name}.`);
  try {
    network ??= await meet();
    if (file.size > network.max_bytes) throw new ApiError(`${name} has ${bytes(file.size)}; the server takes at most ${bytes(network.max_bytes)}`);
    const began = performance.now();
    const response = await fetch(`v1/perceive?score=${network.least_score}`, {
      method: 'POST', signal: own.signal, body: file,
      headers: { ...headers(), 'content-type': file.type.startsWith('image/') ? file.type : 'application/octet-stream' },
    });
    if (!response.ok) throw await refusal(response);
    const answer = await response.json(), whole = performance.now() - began;
    const spent = Number(response.headers.get('server-timing')?.match(/perceive;dur=([\d.]+)/)?.[1]);
    // A kind of file that the browser can't read, but the server can, is shown without its own colours.
    const image = await createImageBitmap(file).catch(() => null);
    if (run !== own) return;
    seen?.image?.close();
    chosen = pointed = null;
    seen = { ...answer, name, image, whole, spent, layer: layerOf(answer) };
    show();
  } catch (error) {
    if (run === own) fail(error, own.signal.aborted, name);
  } finally {
    if (run === own) {
      run = null;
      wait(false);
    }
  }
}

function fail(error, stopped, name) {
  if (stopped) return say('Stopped.');
  say(`${name} could not be perceived.`);
  complain(error instanceof ApiError ? error : new ApiError('The server could not be reached.'));
}

function wait(on) {
  document.body.classList.toggle('waiting', on);
  document.body.dataset.run = on ? 'running' : 'done';
  $('view').setAttribute('aria-busy', on);
}

function say(text) {
  $('status').textContent = text;
}

// The answer

/** The classes of the pixels as a picture, and how many pixels each has. */
function layerOf({ width, height, segmentation }) {
  if (!segmentation) return null;
  const { classes, runs } = segmentation, pixels = classes.map(() => 0);
  const layer = new OffscreenCanvas(width, height), context = layer.getContext('2d'), data = context.createImageData(width, height);
  const colors = classes.map(name => rgb(network.colors.get(name))), each = new Uint32Array(data.data.buffer);
  const little = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
  const words = colors.map(([r, g, b]) => little ? (255 << 24 | b << 16 | g << 8 | r) >>> 0 : (r << 24 | g << 16 | b << 8 | 255) >>> 0);
  for (let i = 0, at = 0; i < runs.length; at += runs[i + 1], i += 2) {
    each.fill(words[runs[i]], at, at + runs[i + 1]);
    pixels[runs[i]] += runs[i + 1];
  }
  context.putImageData(data, 0, 0);
  return { picture: layer, shares: classes.map((name, i) => ({ name, share: pixels[i] / (width * height) })).filter(({ share }) => share >= leastShare).sort((a, b) => b.share - a.share) };
}

function rgb(color = '#808080') {
  return [1, 3, 5].map(at => parseInt(color.slice(at, at + 2), 16));
}

const shown = () => seen.objects.filter(({ score }) => score >= $('score').valueAsNumber - 1e-6);
const metres = ({ distance_m: far }) => far === null ? '' : `${far.toFixed(1)} m`;

function show() {
  $('empty').hidden = true;
  $('view').hidden = $('readings').hidden = false;
  $('network').textContent = seen.spent ? `${seen.spent.toFixed(1)} ms` : '–';
  $('time').textContent = `${count(Math.round(seen.whole))} ms`;
  $('size').textContent = `${seen.width}×${seen.height}`;
  $('canvas').width = Math.min(seen.width, mostColumns);
  $('canvas').height = Math.max(1, Math.round(seen.height * $('canvas').width / seen.width));
  const shares = seen.layer?.shares ?? [];
  $('classes-empty').hidden = shares.length > 0;
  $('classes').replaceChildren(...shares.map(classEntry));
  list();
  say(`${seen.name}: ${plural(shown().length, 'object')}${shares.length ? `, most of it ${shares[0].name}` : ''}.`);
  if ($('status').getBoundingClientRect().top > innerHeight * .6) $('status').scrollIntoView();
}

/** What depends on the least score. */
function list() {
  const objects = shown(), near = Math.min(...objects.map(({ distance_m: far }) => far ?? Infinity));
  if (!objects.includes(chosen)) chosen = null;
  pointed = null;
  $('count').textContent = count(objects.length);
  $('nearest').textContent = near < Infinity ? `${near.toFixed(1)} m` : '–';
  $('objects-note').textContent = objects.length < seen.objects.length ? `${seen.objects.length - objects.length} of lower scores not shown` : '';
  $('objects-empty').hidden = objects.length > 0;
  $('objects-empty').textContent = network.object_classes.length ? 'None of such a score.' : 'This network looks for none.';
  $('objects').replaceChildren(...objects.map(objectEntry));
  $('canvas').setAttribute('aria-label', `${seen.name} with ${plural(objects.length, 'object')}: ${objects.map(o => `${o.class} ${metres(o)}`).join(', ')}`);
  draw();
}

function element(tag, name, text = '') {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

function swatch(name) {
  const key = element('i', 'key');
  key.style.background = network.colors.get(name);
  return key;
}

function objectEntry(object) {
  const item = element('li'), button = item.appendChild(element('button'));
  button.type = 'button';
  button.setAttribute('aria-pressed', object === chosen);
  button.append(swatch(object.class), element('span', 'name', object.class), element('span', 'score', object.score.toFixed(2)), element('b', '', metres(object)));
  const point = to => () => {
    pointed = to;
    draw();
  };
  button.addEventListener('pointerenter', point(object));
  button.addEventListener('pointerleave', point(null));
  button.addEventListener('focus', point(object));
  button.addEventListener('blur', point(null));
  button.addEventListener('click', () => {
    chosen = chosen === object ? null : object;
    for (const other of $('objects').querySelectorAll('button')) other.setAttribute('aria-pressed', other === button && chosen !== null);
    draw();
  });
  return item;
}

function classEntry({ name, share }) {
  const item = element('li'), bar = element('span', 'bar');
  bar.append(element('b'));
  bar.firstChild.style.width = `${100 * share}%`;
  item.append(swatch(name), element('span', 'name', name), bar, element('span', '', `${(100 * share).toFixed(1)}%`));
  return item;
}

// The picture

function draw() {
  if (!seen) return;
  const canvas = $('canvas'), context = canvas.getContext('2d'), { width, height } = canvas;
  context.globalAlpha = 1;
  context.fillStyle = '#888';
  context.fillRect(0, 0, width, height);
  if (seen.image) context.drawImage(seen.image, 0, 0, width, height);
  if (seen.layer && $('pixels').checked) {
    context.globalAlpha = strength;
    context.drawImage(seen.layer.picture, 0, 0, width, height);
    context.globalAlpha = 1;
  }
  if (!$('boxes').checked) return;
  // Lines and letters are as large on the screen whatever the picture's size.
  const frame = canvas.getBoundingClientRect(), unit = Math.max(width / (frame.width || width), height / (frame.height || height)), only = pointed ?? chosen;
  const objects = shown(), taken = [];
  for (const object of [...objects].reverse()) {
    context.globalAlpha = only && object !== only ? .3 : 1;
    drawBox(context, object, unit);
  }
  context.globalAlpha = 1;
  if (only) drawBox(context, only, unit, 2);
  for (const object of only ? [only] : objects) drawLabel(context, object, unit, taken);
}

function place({ x1, y1, x2, y2 }, { width }) {
  return [x1, y1, x2, y2].map(edge => edge * width / seen.width);
}

function drawBox(context, object, unit, weight = 1) {
  const [left, top, right, bottom] = place(object, context.canvas);
  context.lineWidth = 2 * unit * weight;
  context.strokeStyle = network.colors.get(object.class);
  context.strokeRect(left, top, right - left, bottom - top);
}

/**
 * Writes class and metres, or metres alone, where no label of a higher score stands: above the box, below or inside of it where it is wide
 * enough that nobody takes the label for another's; else nothing, and the list has it.
 */
function drawLabel(context, object, unit, taken) {
  const [left, top, right, bottom] = place(object, context.canvas), color = network.colors.get(object.class), [r, g, b] = rgb(color);
  const high = 16 * unit, far = metres(object);
  context.font = `600 ${12 * unit}px system-ui, sans-serif`;
  for (const text of far ? [`${object.class} ${far}`, far] : [object.class]) {
    const wide = context.measureText(text).width + 8 * unit, x = Math.max(0, Math.min(left - unit, context.canvas.width - wide));
    for (const y of top < high || wide <= right - left + 2 * unit ? [top - high, bottom, top] : [top - high]) {
      const free = !taken.some(other => x < other.x + other.wide && other.x < x + wide && y < other.y + high && other.y < y + high);
      if (y < 0 || y + high > context.canvas.height || !free) continue;
      taken.push({ x, y, wide });
      context.fillStyle = color;
      context.fillRect(x, y, wide, high);
      context.fillStyle = .299 * r + .587 * g + .114 * b > 140 ? '#000' : '#fff';
      context.textBaseline = 'middle';
      context.fillText(text, x + 4 * unit, y + high / 2);
      return;
    }
  }
}

// What the user does

$('file').addEventListener('change', () => {
  const [file] = $('file').files;
  $('file').value = '';
  if (file) perceive(file, file.name);
});
$('sample').addEventListener('click', async () => {
  try {
    const response = await fetch('street.png');
    if (!response.ok) throw await refusal(response);
    perceive(await response.blob(), 'street.png');
  } catch (error) {
    fail(error, false, 'street.png');
  }
});
$('ask').addEventListener('submit', event => event.preventDefault());
for (const id of ['boxes', 'pixels']) $(id).addEventListener('change', draw);
$('score').addEventListener('input', () => {
  $('score-text').textContent = $('score').valueAsNumber.toFixed(2);
  if (seen) list();
});
document.addEventListener('keydown', event => { if (event.key === 'Escape') run?.abort(); });
document.addEventListener('paste', event => take(event.clipboardData, event));
document.addEventListener('drop', event => {
  document.body.classList.remove('dragged');
  event.preventDefault();
  if (!take(event.dataTransfer, event)) complain(new ApiError('The file of a picture is expected; what was dropped is none.'));
});
document.addEventListener('dragover', event => {
  event.preventDefault();
  document.body.classList.add('dragged');
});
document.addEventListener('dragleave', event => { if (!event.relatedTarget) document.body.classList.remove('dragged'); });
new ResizeObserver(draw).observe($('view'));

function take(data, event) {
  const [file] = data?.files ?? [];
  if (!file) return false;
  event.preventDefault();
  perceive(file, file.name || 'the picture');
  return true;
}

async function begin() {
  try {
    network = await meet();
  } catch (error) {
    if (error.status === 401 && !headers().authorization) needKey(false);
    else complain(error instanceof ApiError ? error : new ApiError('The server could not be reached.'));
  }
}

$('key').addEventListener('change', () => {
  keepKey();
  begin();
});
begin();
