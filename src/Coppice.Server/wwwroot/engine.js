// The engine as it stands: throughput, requests, pages and the prefix tree, asked for once a second while the page can be seen.

const svgHistory = 120;
const mostNodes = 200;
const $ = id => document.getElementById(id);

/** Starts to look, and goes on until the page is closed. */
export function watchEngine(ask, changed) {
  const history = [];
  const nodes = new Map();
  let last, timer;

  async function look() {
    clearTimeout(timer);
    if (document.hidden) return;
    let wait = 1000;
    try {
      const state = await ask('coppice/state');
      show(state);
      changed(state);
    } catch (error) {
      $('pulse').dataset.state = 'lost';
      $('pulse').textContent = error.status === 401 ? 'needs a key' : 'no answer';
      if (error.status === 401) changed(null);
      wait = 3000;
    }
    clearTimeout(timer);
    timer = setTimeout(look, wait);
  }

  function show(state) {
    const { requests, pages, prefix, attention, tokens } = state;
    const busy = requests.active + requests.queued + requests.paused > 0;
    $('pulse').dataset.state = busy ? 'busy' : 'idle';
    $('pulse').textContent = state.draining ? 'draining' : busy ? 'at work' : 'idle';
    const now = performance.now();
    if (last) {
      history.push(Math.max(0, tokens.generated - last.generated) / Math.max(.2, (now - last.now) / 1000));
      if (history.length > svgHistory) history.shift();
    }
    last = { now, generated: tokens.generated };
    drawSpark(history);
    put('queued', requests.queued);
    put('active', requests.active);
    put('paused', requests.paused);
    put('live', requests.live_branches);
    showPages(pages);
    showTree(nodes, state.tree);
    showTotals({ requests, prefix, attention, tokens });
  }

  document.addEventListener('visibilitychange', look);
  look();
  return look;
}

function put(id, value) {
  $(id).textContent = typeof value === 'number' ? count(value) : value;
}

function drawSpark(history) {
  const current = history.at(-1) ?? 0, peak = Math.max(...history, 1);
  put('rate', current >= 100 ? count(Math.round(current)) : current.toFixed(1));
  put('peak', history.length > 1 ? `at most ${count(Math.round(Math.max(...history)))}` : '');
  const step = 240 / (svgHistory - 1), start = 240 - step * (history.length - 1);
  const points = history.map((value, i) => `${(start + i * step).toFixed(1)},${(46 - 42 * value / peak).toFixed(1)}`);
  if (!points.length) return;
  $('sparkline').querySelector('.line').setAttribute('d', `M${points.join(' L')}`);
  $('sparkline').querySelector('.area').setAttribute('d', `M${start.toFixed(1)},48 L${points.join(' L')} L240,48Z`);
}

function showPages(pages) {
  const parts = [['private', 'of branches', pages.private], ['shared', 'shared, in use', pages.shared], ['cached', 'kept', pages.cached]];
  for (const [name, , value] of parts) document.querySelector(`.pages .p-${name}`).style.width = `${100 * value / Math.max(1, pages.total)}%`;
  put('pages-note', `${count(pages.total)} of ${bytes(pages.page_bytes)}`);
  $('pages-legend').replaceChildren(...[...parts, ['free', 'free', pages.free]].map(([name, label, value]) => {
    const entry = document.createElement('span'), key = entry.appendChild(document.createElement('i'));
    key.className = `key p-${name}`;
    entry.append(`${count(value)} ${label}`);
    return entry;
  }));
}

/** Keeps the elements of nodes that stay, so that a selection or the focus stays too. */
function showTree(nodes, tree) {
  const shown = tree.slice(0, mostNodes), ids = new Set(shown.map(node => node.id));
  put('tree-note', tree.length > shown.length ? `${shown.length} of ${tree.length} nodes` : '');
  $('tree-empty').hidden = tree.length > 0;
  for (const [id, item] of nodes) {
    if (ids.has(id)) continue;
    item.remove();
    nodes.delete(id);
  }

  for (const node of shown) {
    let item = nodes.get(node.id);
    if (!item) {
      item = document.createElement('li');
      item.innerHTML = '<div class="node"><q></q><p><span></span><span></span><span class="users"></span><span></span></p></div>';
      nodes.set(node.id, item);
    }

    const box = item.firstChild, [tokens, pages, users, age] = box.querySelectorAll('span');
    box.classList.toggle('used', node.users > 0);
    set(box.querySelector('q'), node.text.trim() ? node.text : '(blank)');
    set(tokens, plural(node.token_count, 'token'));
    set(pages, plural(node.pages, 'page'));
    set(users, node.users > 0 ? plural(node.users, 'user') : '');
    set(age, node.pinned ? 'pinned' : node.users > 0 ? '' : ago(node.seconds_since_use));
  }

  for (const node of shown) {
    const item = nodes.get(node.id), parent = nodes.get(node.parent_id);
    const home = parent && parent !== item ? parent.querySelector(':scope > ul') ?? parent.appendChild(document.createElement('ul')) : $('tree');
    if (item.parentNode !== home) home.append(item);
  }

  for (const list of $('tree').querySelectorAll('ul:empty')) list.remove();
}

function showTotals({ requests, prefix, attention, tokens }) {
  const rows = [
    ['prompt tokens', count(tokens.prompt)],
    ['of them reused', tokens.prompt ? `${Math.round(100 * tokens.prompt_reused / tokens.prompt)}%` : '–'],
    ['tokens generated', count(tokens.generated)],
    ['context read', bytes(attention.context_bytes_read)],
    ['if each branch read it', bytes(attention.context_bytes_repeated)],
    ['prefixes evicted', count(prefix.evictions)],
    ['groups paused', count(requests.pauses)],
  ];
  const list = $('totals');
  rows.forEach(([name, value], i) => {
    const row = list.children[i] ?? list.appendChild(document.createElement('div'));
    if (!row.firstChild) row.append(document.createElement('dt'), document.createElement('dd'));
    set(row.firstChild, name);
    set(row.lastChild, value);
  });
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function count(value) {
  return value.toLocaleString('en-US');
}

export function plural(value, word) {
  return `${count(value)} ${word}${value === 1 ? '' : 's'}`;
}

export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

function ago(seconds) {
  if (seconds < 1) return 'just now';
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}
