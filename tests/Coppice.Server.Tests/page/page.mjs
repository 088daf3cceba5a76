// Drives the web page in Chromium and says for each check, on a line of its own, whether it held:
//   {"check":"name","error":null}
// node page.mjs PUZZLES NOISE LOCKED KEY [FOLDER]
// PUZZLES, NOISE and LOCKED are the addresses of servers with a model of short answers, with one of long answers, and with an API key; the
// first and the last have a network for pictures.
// FOLDER gets screenshots.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { streets } from './streets.mjs';

const [puzzles, noise, locked, key, folder] = process.argv.slice(2);
const hosts = new Set([puzzles, noise, locked].map(address => new URL(address).host));
const wide = { width: 1440, height: 900 };
const strangers = [], complaints = [];

const browser = await chromium.launch({
  executablePath: process.env.COPPICE_CHROMIUM || '/usr/bin/chromium',
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ],
});

async function check(name, address, options, body) {
  const context = await browser.newContext({ viewport: wide, ...options });
  let error = null;
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    page.on('request', request => { if (!hosts.has(new URL(request.url()).host)) strangers.push(request.url()); });
    // What the browser itself says of an answer that is an error is no complaint about the page.
    page.on('console', message => {
      if (['error', 'warning'].includes(message.type()) && !/^Failed to load resource: the server responded with a status of 40[014]/.test(message.text())) complaints.push(`${name}: ${message.text()}`);
    });
    page.on('pageerror', thrown => complaints.push(`${name}: ${thrown.message}`));
    await page.goto(address);
    await body(page);
  } catch (thrown) {
    error = String(thrown.message ?? thrown).slice(0, 2000);
  } finally {
    await context.close();
  }
  console.log(JSON.stringify({ check: name, error }));
}

// Long enough to be kept in the prefix tree.
const beginning = 'the same beginning of two prompts is kept once '.repeat(3);
const loaded = page => page.waitForFunction(() => document.getElementById('model').textContent.includes('context'));
const ended = page => page.waitForFunction(() => document.body.dataset.run === 'done');
const growing = page => page.waitForFunction(() => document.getElementById('status').textContent.startsWith('Growing'));
/** From here on the page reads 60 KB a second: an answer of thousands of tokens cannot end before the next step of a check, however late that comes. */
const slowly = async page => (await page.context().newCDPSession(page)).send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: 60_000, uploadThroughput: -1 });
const texts = page => page.locator('.branch .text').allTextContents();
const shot = (page, name) => folder ? page.screenshot({ path: `${folder}/${name}.png` }) : null;

async function fill(page, values) {
  for (const [id, value] of Object.entries(values)) await page.fill(`#${id}`, String(value));
}

async function grow(page, values = {}) {
  await loaded(page);
  await fill(page, { prompt: 'make 24 from 8 6 9:', seed: 7, ...values });
  await page.click('#start');
  await ended(page);
}

const sideways = page => page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);

/** The least contrast between a text and what is behind it, over everything that is written on the page. */
const leastContrast = page => page.evaluate(() => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }), context = canvas.getContext('2d', { willReadFrequently: true });
  const rgba = colour => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * x + .7152 * y + .0722 * z;
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  let least = { ratio: 21, text: '' };
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data.trim()).join('');
    if (!text || !element.checkVisibility() || element.closest(':disabled, .hidden, .skip, svg')) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < least.ratio) least = { ratio, text };
  }
  return least;
});

await check('branches', noise, {}, async page => {
  await loaded(page);
  await fill(page, { prompt: 'hello', n: 8, 'max-tokens': 2000, temperature: 1, 'top-p': 1 });
  await page.click('#start');
  // Read at one moment: the next one may find them ended.
  const moment = await page.waitForFunction(() => {
    const texts = [...document.querySelectorAll('.branch .text')].map(text => text.textContent);
    return texts.filter(text => text).length >= 7 && { texts, limbs: document.querySelectorAll('#limbs .growing').length };
  });
  const { texts: before, limbs } = await moment.jsonValue();
  await shot(page, 'growing');
  assert.equal(before.length, 8);
  assert.ok(limbs >= 2, 'several branches grow at once');
  await ended(page);
  const after = await texts(page);
  assert.ok(after.filter((text, i) => text.length > before[i].length && text.startsWith(before[i])).length >= 2, 'texts grow by what is added to them');
  for (const footer of await page.locator('.branch footer').allTextContents()) assert.match(footer, /^\d+ tokens?.*(ended|cut off), \d+\.\d s$/);
  assert.match(await page.textContent('#status'), /^All 8 branches have ended/);
});

await check('trunk', puzzles, {}, async page => {
  await grow(page);
  const limbs = await page.locator('#limbs path').evaluateAll(paths => paths.map(path => path.getAttribute('d')));
  assert.equal(limbs.length, 8);
  const trunk = await page.evaluate(() => {
    const root = document.getElementById('root').getBoundingClientRect(), path = document.getElementById('trunk').getBoundingClientRect();
    return { root: root.left + root.width / 2, top: Math.abs(root.bottom - path.top), trunk: path.left + path.width / 2, length: path.height };
  });
  assert.ok(Math.abs(trunk.root - trunk.trunk) < 2 && trunk.top < 4 && trunk.length > 200, JSON.stringify(trunk));
  const cards = await page.evaluate(() => [...document.querySelectorAll('.branch')].map((card, i) => {
    const box = card.getBoundingClientRect(), limb = document.querySelectorAll('#limbs path')[i], end = limb.getPointAtLength(limb.getTotalLength());
    const frame = document.getElementById('wood').getBoundingClientRect();
    return Math.min(Math.abs(end.x + frame.left - box.left), Math.abs(end.x + frame.left - box.right)) + Math.max(0, box.top - end.y - frame.top);
  }));
  for (const far of cards) assert.ok(far < 2, `a limb ends ${far} px from its card`);
});

await check('ranks', puzzles, {}, async page => {
  await grow(page, { n: 12 });
  assert.equal(await page.locator('.rank:visible').count(), 12);
  assert.equal(await page.locator('.branch.best').count(), 1);
  assert.equal(await page.textContent('.branch.best .rank'), 'best, rank 1');
  const different = new Set(await texts(page)).size;
  assert.equal(await page.locator('.branch.duplicate').count(), 12 - different);
  assert.ok(different < 12, 'the model repeats itself here, or the check of duplicates checks nothing');
  assert.match(await page.textContent('#status'), new RegExp(`, ${different} different\\. Best: branch \\d+, score \u2212\\d`));
  await shot(page, 'finished');
  await page.click('#by-rank');
  const badges = await page.locator('.rank').allTextContents();
  assert.deepEqual(badges.slice(0, different), ['best, rank 1', ...Array.from({ length: different - 1 }, (_, i) => `rank ${i + 2}`)]);
  for (const badge of badges.slice(different)) assert.match(badge, /^same as branch \d+$/);
  const scores = (await page.locator('.branch footer').allTextContents()).map(text => Number(text.match(/score (\u2212?\d+\.\d+)/)[1].replace('\u2212', '-')));
  const first = scores.slice(0, different);
  assert.deepEqual(first, [...first].sort((a, b) => b - a));
  await page.click('#by-index');
  assert.equal(await page.locator('.branch h3').first().textContent(), 'Branch 1');
});

await check('votes', puzzles, {}, async page => {
  await loaded(page);
  await page.selectOption('#rank', 'majority');
  assert.ok(await page.isVisible('#pattern'));
  await grow(page, { n: 12 });
  const votes = (await page.locator('.branch footer').allTextContents()).map(text => Number(text.match(/(\d+) votes?/)[1]));
  const all = await texts(page);
  assert.deepEqual(votes, all.map(text => all.filter(other => other === text).length));
  assert.equal(await page.locator('.best footer').textContent().then(text => Number(text.match(/(\d+) votes?/)[1])), Math.max(...votes));
});

await check('readings', puzzles, {}, async page => {
  await grow(page);
  assert.match(await page.textContent('#first'), /^[\d,]+ ms$/);
  assert.match(await page.textContent('#read'), /^Attention read [\d.]+ \w+; each branch on its own: [\d.]+ \w+, \d+\.\d times as much\.$/);
  const bar = await page.evaluate(() => ['bar-context', 'bar-repeated'].map(id => parseFloat(document.getElementById(id).style.width)));
  assert.ok(bar[0] > 0 && bar[1] > 3 * bar[0], `${bar}`);
  assert.equal(await page.textContent('#used-seed'), '7');
  assert.match(await page.textContent('#root-note'), /^\d+ tokens/);
});

await check('same seed', puzzles, {}, async page => {
  await grow(page);
  const first = await texts(page);
  await page.click('#start');
  await ended(page);
  assert.deepEqual(await texts(page), first);
});

await check('stop', noise, {}, async page => {
  await loaded(page);
  await slowly(page);
  await fill(page, { prompt: 'hello', n: 16, 'max-tokens': 2000, temperature: 1, 'top-p': 1 });
  await page.click('#start');
  await growing(page);
  await page.click('#stop');
  await ended(page);
  assert.match(await page.textContent('#status'), /^Stopped: \d+ of 16 branches had ended\.$/);
  assert.ok((await page.locator('.branch footer').allTextContents()).some(text => text.endsWith('stopped')));
  assert.ok(await page.isEnabled('#start') && await page.isDisabled('#stop'));
  assert.equal(await page.locator('#error:visible').count(), 0);
  await page.waitForFunction(async () => (await (await fetch('coppice/state')).json()).requests.live_branches === 0);
});

await check('keyboard', noise, {}, async page => {
  await loaded(page);
  const reached = [], unseen = [];
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const active = document.activeElement;
      if (active === document.body) return null;
      const shown = active.type === 'radio' ? active.nextElementSibling : active;
      const { outlineStyle, outlineWidth } = getComputedStyle(shown);
      return { id: active.id || active.name || active.className, outline: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 };
    });
    if (!at) break;
    if (reached.includes(at.id)) break;
    reached.push(at.id);
    if (!at.outline) unseen.push(at.id);
  }
  for (const id of ['skip', 'mode', 'prompt', 'n-slide', 'n', 'temperature', 'top-p', 'max-tokens', 'seed', 'rank', 'start'])
    assert.ok(reached.includes(id), `${id} is not among ${reached}`);
  assert.deepEqual(unseen, [], 'the focus can be seen');
  await page.focus('body');
  await page.reload();
  await loaded(page);
  await slowly(page);
  while (await page.evaluate(() => document.activeElement.id) !== 'prompt') await page.keyboard.press('Tab');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('hello');
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowLeft');
  while (await page.evaluate(() => document.activeElement.id) !== 'max-tokens') await page.keyboard.press('Tab');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('2000');
  await page.keyboard.press('Control+Enter');
  await growing(page);
  assert.equal(await page.locator('.branch').count(), 7);
  assert.equal(await page.textContent('#root-text'), 'hello');
  await page.keyboard.press('Escape');
  await ended(page);
  assert.match(await page.textContent('#status'), /^Stopped/);
  // The button that starts goes dead under the focus: the next one gets it, and gives it back.
  await page.focus('#start');
  await page.keyboard.press('Enter');
  await growing(page);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'stop');
  await page.keyboard.press('Enter');
  await ended(page);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'start');
});

await check('phone', puzzles, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }, async page => {
  await loaded(page);
  const empty = await sideways(page);
  assert.ok(empty[0] <= 360 && empty[1] === 360, `${empty}`);
  await grow(page, { n: 10 });
  const full = await sideways(page);
  assert.ok(full[0] <= 360 && full[1] === 360, `${full}`);
  await shot(page, 'phone');
  const narrow = await page.evaluate(() => Math.min(...[...document.querySelectorAll('.branch')].map(card => card.getBoundingClientRect().width)));
  assert.ok(narrow > 270, `a card of ${narrow} px`);
  assert.ok(await page.evaluate(() => [...document.querySelectorAll('button, select, input:not([type=radio], [type=range])')].filter(e => e.checkVisibility()).every(e => e.getBoundingClientRect().height >= 24)));
});

await check('long words', noise, { viewport: { width: 360, height: 740 } }, async page => {
  await loaded(page);
  await fill(page, { prompt: 'x'.repeat(300), n: 2, 'max-tokens': 120, temperature: 1, 'top-p': 1 });
  await page.click('#start');
  await ended(page);
  const width = await sideways(page);
  assert.ok(width[0] <= 360, `${width}`);
});

for (const colorScheme of ['light', 'dark']) {
  await check(colorScheme, puzzles, { colorScheme }, async page => {
    await grow(page, { n: 2, prompt: `${beginning} one`, 'max-tokens': 4 });
    await grow(page, { n: 12 });
    await page.waitForFunction(() => document.querySelectorAll('.node').length > 0);
    const [r, g, b] = (await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)).match(/\d+/g).map(Number);
    assert.ok(colorScheme === 'dark' ? Math.max(r, g, b) < 60 : Math.min(r, g, b) > 200, `${r} ${g} ${b}`);
    const least = await leastContrast(page);
    assert.ok(least.ratio >= 4.5, `contrast ${least.ratio.toFixed(2)} at '${least.text}'`);
    await shot(page, colorScheme);
  });
}

await check('motion', noise, { reducedMotion: 'reduce' }, async page => {
  await loaded(page);
  // Looked at with every change of the page, for on a busy machine the branches may have ended before a question from outside is answered.
  await page.evaluate(() => {
    window.moved = { looks: 0, animations: 0 };
    new MutationObserver(() => {
      moved.looks++;
      moved.animations = Math.max(moved.animations, document.getAnimations().length);
    }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  await fill(page, { prompt: 'hello', n: 4, 'max-tokens': 200, temperature: 1, 'top-p': 1 });
  await page.click('#start');
  await ended(page);
  const { looks, animations } = await page.evaluate(() => moved);
  assert.ok(looks > 4, `${looks} looks`);
  assert.equal(animations, 0);
});

await check('errors', puzzles, {}, async page => {
  await loaded(page);
  let asked = 0;
  page.on('request', request => { if (request.url().includes('completions')) asked++; });
  await fill(page, { prompt: 'make 24 from 8 6 9:', n: 65 });
  await page.click('#start');
  assert.equal(await page.textContent('#error'), 'Branches: a whole number from 1 to 64 is expected');
  assert.equal(await page.getAttribute('#error', 'role'), 'alert');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'n');
  await fill(page, { n: 2, prompt: '' });
  await page.click('#start');
  assert.equal(await page.textContent('#error'), 'Prompt: some text is expected');
  assert.equal(asked, 0);
  await fill(page, { prompt: 'make 24 from 8 6 9:', 'max-tokens': 9999 });
  await page.click('#start');
  await page.waitForFunction(() => document.getElementById('error').textContent.includes('9999'));
  assert.equal(asked, 1);
  await page.waitForFunction(() => document.body.dataset.run === 'done');
  assert.equal(await page.textContent('#status'), 'The request failed.');
  assert.equal(await page.locator('.branch:visible').count(), 0);
  assert.ok(await page.locator('#error').evaluate(error => error.getBoundingClientRect().bottom <= innerHeight));
  await fill(page, { 'max-tokens': 32 });
  await page.click('#start');
  await page.waitForFunction(() => document.getElementById('status').textContent.startsWith('All 2'));
  assert.equal(await page.locator('#error:visible').count(), 0);
});

await check('chat', puzzles, {}, async page => {
  await loaded(page);
  await page.check('input[value=chat]', { force: true });
  await fill(page, { system: 'Solve.', prompt: 'make 24 from 8 6 9:', n: 3, 'max-tokens': 20 });
  const [request] = await Promise.all([page.waitForRequest('**/v1/chat/completions'), page.click('#start')]);
  assert.deepEqual(request.postDataJSON().messages.map(message => message.role), ['system', 'user']);
  await ended(page);
  assert.match(await page.textContent('#status'), /^All 3 branches have ended/);
  for (const footer of await page.locator('.branch footer').allTextContents()) assert.match(footer, /^\d+ tokens?score/);
});

await check('tree', puzzles, {}, async page => {
  await grow(page, { prompt: `${beginning} one`, n: 2, 'max-tokens': 4 });
  await page.waitForFunction(() => [...document.querySelectorAll('.node q')].some(text => text.textContent.includes('same beginning')));
  assert.match(await page.locator('.node p').first().textContent(), /\d+ tokens?\d+ pages?/);
  const kept = () => page.evaluate(() => Number(document.getElementById('pages-legend').textContent.match(/(\d[\d,]*) kept/)[1].replace(',', '')));
  assert.ok(await kept() > 0);
  await page.waitForFunction(() => document.getElementById('sparkline').querySelector('.line').getAttribute('d')?.includes('L'));
  await page.waitForFunction(() => document.getElementById('pulse').textContent === 'idle');
  await shot(page, 'tree');
});

await check('key', locked, {}, async page => {
  await page.waitForFunction(() => !document.getElementById('key-field').hidden);
  assert.equal(await page.textContent('#pulse'), 'needs a key');
  await page.fill('#key', key);
  await page.keyboard.press('Tab');
  await grow(page, { n: 2 });
  assert.match(await page.textContent('#status'), /^All 2 branches have ended/);
  assert.equal(await page.evaluate(() => Object.keys(localStorage).length), 0);
  await page.reload();
  await loaded(page);
});

await streets({ check, shot, sideways, leastContrast, puzzles, noise, locked, key });

await browser.close();
console.log(JSON.stringify({ check: 'console', error: complaints.length ? complaints.join('\n') : null }));
console.log(JSON.stringify({ check: 'hosts', error: strangers.length ? strangers.join('\n') : null }));
