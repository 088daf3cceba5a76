// The branches of one request, and the tree that joins them to their prompt.

const svg = 'http://www.w3.org/2000/svg';
const $ = id => document.getElementById(id);
const crowded = 16;

/** One branch: its card, its running text and its figures. */
class Branch {
  constructor(index, room) {
    this.index = index;
    this.room = room;
    this.tokens = 0;
    this.sum = 0;
    this.scores = [];
    this.state = 'growing';
    this.card = document.createElement('li');
    this.card.className = 'branch';
    this.card.innerHTML = '<header><h3></h3><span class="rank" hidden></span></header><div class="text"></div>'
      + '<canvas class="strip" aria-hidden="true"></canvas><footer><span></span><span></span><span></span></footer>';
    this.card.querySelector('h3').textContent = `Branch ${index + 1}`;
    this.badge = this.card.querySelector('.rank');
    this.box = this.card.querySelector('.text');
    this.strip = this.card.querySelector('canvas');
    [this.countCell, this.meanCell, this.endCell] = this.card.querySelectorAll('footer span');
    this.endCell.textContent = 'waiting';
    this.pending = '';
    this.text = '';
    this.node = this.box.appendChild(document.createTextNode(''));
    this.limb = document.createElementNS(svg, 'path');
    this.limb.setAttribute('pathLength', '1');
    this.leaf = document.createElementNS(svg, 'path');
  }

  add(text, logprobs) {
    this.pending += text;
    this.text += text;
    for (const logprob of logprobs) {
      this.tokens++;
      this.sum += logprob;
      this.scores.push(logprob);
    }
    this.dirty = true;
  }

  end(reason, seconds) {
    this.state = reason === 'stopped' ? 'stopped' : 'ended';
    this.reason = reason;
    this.seconds = seconds;
    this.dirty = true;
  }

  /** Shows what came since the last time. */
  show() {
    if (!this.dirty) return;
    this.dirty = false;
    // Blanks before the first word are no part of what is shown.
    if (this.pending) this.node.appendData(this.node.length ? this.pending : this.pending.trimStart());
    this.pending = '';
    if (this.state !== 'growing' && !this.text.trim()) {
      this.box.classList.add('none');
      this.node.data = 'no text';
    }
    this.countCell.textContent = `${this.tokens} ${this.tokens === 1 ? 'token' : 'tokens'}`;
    this.meanCell.textContent = this.figures ?? (this.tokens ? `mean ${figure(this.sum / this.tokens)}` : '');
    this.endCell.textContent = this.state === 'growing' ? 'growing' : ending(this.reason, this.seconds);
    this.drawStrip();
  }

  /** A token a piece, as long as its share of the room for tokens; the surer the model was, the greener. */
  drawStrip() {
    const width = this.strip.clientWidth, height = this.strip.clientHeight, scale = devicePixelRatio || 1;
    if (!width) return;
    if (this.strip.width !== Math.round(width * scale)) this.strip.width = Math.round(width * scale);
    if (this.strip.height !== Math.round(height * scale)) this.strip.height = Math.round(height * scale);
    const context = this.strip.getContext('2d'), colours = getComputedStyle(this.strip);
    const leaf = colours.getPropertyValue('--leaf'), low = colours.getPropertyValue('--low'), edge = colours.getPropertyValue('--edge');
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.fillStyle = edge;
    context.fillRect(0, height / 2 - .5, width, 1);
    const step = width / this.room, gap = step > 3 ? 1 : 0;
    this.scores.forEach((logprob, i) => {
      const sure = Math.exp(logprob);
      context.fillStyle = low;
      context.fillRect(i * step, 0, Math.max(step - gap, .5), height);
      context.globalAlpha = sure;
      context.fillStyle = leaf;
      context.fillRect(i * step, 0, Math.max(step - gap, .5), height);
      context.globalAlpha = 1;
    });
  }

  /** Shows how the branch came out among the others. */
  rank({ rank, score, answer, duplicate }, { by, same, alone }) {
    const best = rank === 1 && !alone;
    this.place = rank;
    this.card.classList.toggle('best', best);
    this.card.classList.toggle('duplicate', duplicate);
    this.badge.hidden = alone;
    this.badge.textContent = duplicate ? `same as branch ${same + 1}` : `${best ? 'best, ' : ''}rank ${rank}`;
    if (by === 'majority') this.figures = answer === null ? 'no answer' : `${score} ${score === 1 ? 'vote' : 'votes'}`;
    else if (score !== null) this.figures = `score ${figure(score)}`;
    this.dirty = true;
    if (duplicate) this.state = 'duplicate';
    else if (best) this.state = 'best';
  }
}

/** All branches of a request on the screen. */
export class Grove {
  constructor() {
    this.branches = [];
    this.host = $('grove');
    this.list = $('branches');
    this.watch = new ResizeObserver(() => this.later());
    this.watch.observe(this.host);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.later(true));
  }

  /** Begins a request: the prompt as root, and a place for each branch. */
  plant(prompt, count, room) {
    this.branches = Array.from({ length: count }, (_, index) => new Branch(index, room));
    $('empty').hidden = true;
    this.host.hidden = false;
    this.host.classList.toggle('crowd', count > crowded);
    this.list.classList.toggle('single', count === 1);
    $('root-text').textContent = prompt;
    $('root-note').textContent = '';
    this.watch.disconnect();
    this.watch.observe(this.host);
    this.list.replaceChildren(...this.branches.map(branch => branch.card));
    $('limbs').replaceChildren(...this.branches.map(branch => branch.limb));
    $('leaves').replaceChildren(...this.branches.map(branch => branch.leaf));
    for (const branch of this.branches) this.watch.observe(branch.card);
    this.later();
  }

  /** Takes away a request that came to nothing. */
  clear() {
    this.branches = [];
    this.host.hidden = true;
    $('empty').hidden = false;
  }

  /** Draws soon, once for all that happened. */
  later(all = false) {
    if (all) for (const branch of this.branches) branch.dirty = true;
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => {
      this.waits = false;
      for (const branch of this.branches) branch.show();
      this.draw();
    });
  }

  /** Ranks all branches, and says how many different texts there are. */
  judge(ranks, by) {
    const firsts = new Map();
    for (const branch of [...this.branches].sort((a, b) => ranks.get(a.index).rank - ranks.get(b.index).rank)) {
      const text = branch.text.trim();
      if (!firsts.has(text)) firsts.set(text, branch.index);
      branch.rank(ranks.get(branch.index), { by, same: firsts.get(text), alone: this.branches.length === 1 });
    }
    this.later();
    return firsts.size;
  }

  order(byRank) {
    const shown = [...this.branches].sort((a, b) => byRank ? a.place - b.place : a.index - b.index);
    this.list.replaceChildren(...shown.map(branch => branch.card));
    this.later(true);
  }

  /** The trunk gets thinner with each branch that leaves it, as a real one does: the cross-sections add up. */
  draw() {
    if (!this.branches.length || this.host.hidden) return;
    const frame = this.host.getBoundingClientRect();
    const axis = $('axis').getBoundingClientRect().left - frame.left;
    const top = $('root').getBoundingClientRect().bottom - frame.top - 2;
    const thick = Math.min(18, 5 + 2.2 * Math.sqrt(this.branches.length)), thin = Math.max(1.6, thick / Math.sqrt(this.branches.length) * .8);
    const limbs = this.branches.map(branch => {
      const card = branch.card.getBoundingClientRect();
      const left = card.left - frame.left, right = card.right - frame.left;
      const above = left < axis && right > axis;
      const side = right <= axis ? -1 : 1;
      const x = above ? axis : side < 0 ? right : left, y = card.top - frame.top + (above ? 0 : 22);
      const rise = Math.min(Math.max(Math.abs(x - axis) * .9, 14), 44, y - top);
      return { branch, x, y, side, above, from: Math.max(top, y - rise) };
    }).sort((a, b) => a.from - b.from);
    this.drawTrunk(limbs, axis, top, thick);
    for (const limb of limbs) drawLimb(limb, axis, thin);
  }

  drawTrunk(limbs, axis, top, thick) {
    const left = [`${axis - thick * .9},${top}`], right = [`${axis + thick * .9},${top}`];
    const half = rest => Math.max(thick * Math.sqrt(rest / limbs.length) / 2, .8);
    limbs.forEach(({ from, above, y }, i) => {
      const width = half(limbs.length - i), down = above ? y : from;
      left.push(`${axis - width},${down}`);
      right.unshift(`${axis + width},${down}`);
    });
    const end = limbs.at(-1);
    $('trunk').setAttribute('d', `M${left.join(' L')} L${axis},${(end.above ? end.y : end.from + 3)} L${right.join(' L')}Z`);
  }
}

function drawLimb({ branch, x, y, side, above, from }, axis, thin) {
  const run = Math.abs(x - axis);
  const curve = above ? `M${axis},${from} L${x},${y}` : `M${axis},${from - 2} C${axis},${y - 2} ${axis + side * run * .35},${y} ${x},${y}`;
  branch.limb.setAttribute('d', curve);
  branch.limb.setAttribute('stroke-width', branch.state === 'best' ? Math.max(thin, 4) : thin);
  branch.limb.setAttribute('class', branch.state);
  // A leaf opens on the limb when its branch has ended.
  const opens = branch.state !== 'growing' && !above;
  const at = { x: x - side * Math.min(run * .5, 26), y }, size = branch.state === 'best' ? 17 : 12;
  branch.leaf.setAttribute('class', branch.state);
  branch.leaf.setAttribute('d', opens
    ? `M${at.x},${at.y} q${side * size * .1},${-size} ${side * size},${-size * 1.1} q${-side * size * .05},${size * .9} ${-side * size},${size * 1.1}Z` : '');
}

function ending(reason, seconds) {
  const how = { stop: 'ended', length: 'cut off', stopped: 'stopped' }[reason] ?? reason;
  return seconds ? `${how}, ${seconds.toFixed(1)} s` : how;
}

/** A small number with a true minus sign. */
function figure(value) {
  return value.toFixed(2).replace('-', '\u2212');
}
