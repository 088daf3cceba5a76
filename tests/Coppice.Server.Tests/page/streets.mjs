// The checks of the view of streets.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

const picture = new URL('../../../assets/street.png', import.meta.url);

export async function streets({ check, shot, sideways, leastContrast, puzzles, noise, locked, key }) {
  const at = address => new URL('perceive', address).href;
  const met = page => page.waitForFunction(() => document.getElementById('model').textContent.includes('network'));
  const done = page => page.waitForFunction(() => document.body.dataset.run === 'done');
  const told = page => page.waitForFunction(() => !document.getElementById('error').hidden);
  const street = { name: 'street.png', mimeType: 'image/png', buffer: await readFile(picture) };

  async function look(page, file = street) {
    await met(page);
    await page.setInputFiles('#file', file);
    await done(page);
  }

  /** What the canvas shows; compared, never shown in a message. */
  const drawn = page => page.evaluate(() => document.getElementById('canvas').toDataURL());

  await check('streets', at(puzzles), {}, async page => {
    await met(page);
    await shot(page, 'streets-empty');
    const [response] = await Promise.all([page.waitForResponse('**/v1/perceive?*'), page.click('#sample')]);
    await done(page);
    const answer = await response.json(), seen = answer.objects.filter(object => object.score >= .3);
    assert.ok(seen.length > 3, `${seen.length} objects`);
    const rows = await page.locator('#objects button').allTextContents();
    assert.deepEqual(rows, seen.map(object => `${object.class}${object.score.toFixed(2)}${object.distance_m.toFixed(1)} m`));
    assert.equal(await page.textContent('#count'), String(seen.length));
    assert.equal(await page.textContent('#nearest'), `${Math.min(...seen.map(object => object.distance_m)).toFixed(1)} m`);
    assert.match(await page.textContent('#network'), /^[\d.]+ ms$/);
    assert.equal(await page.textContent('#size'), '1024×512');
    assert.match(await page.textContent('#status'), new RegExp(`^street.png: ${seen.length} objects, most of it \\w+\\.$`));
    const shares = (await page.locator('#classes li').allTextContents()).map(text => parseFloat(text.match(/([\d.]+)%$/)[1]));
    assert.ok(shares.length > 4 && Math.abs(shares.reduce((a, b) => a + b) - 100) < 1 && shares[0] === Math.max(...shares), `${shares}`);
    assert.match(await page.getAttribute('#canvas', 'aria-label'), /^street\.png with \d+ objects: car [\d.]+ m/);
    const box = await page.locator('#canvas').boundingBox();
    assert.ok(box.width > 500 && Math.abs(box.width / box.height - 2) < .02, `${box.width}x${box.height}`);
  });

  await check('layers', at(puzzles), {}, async page => {
    await look(page);
    const all = await drawn(page);
    await page.uncheck('#pixels');
    const boxes = await drawn(page);
    await shot(page, 'streets-boxes');
    await page.uncheck('#boxes');
    const bare = await drawn(page);
    await page.check('#pixels');
    const pixels = await drawn(page);
    assert.equal(new Set([all, boxes, bare, pixels]).size, 4, 'each choice of layers is another picture');
    await page.check('#boxes');
    assert.ok(await drawn(page) === all, 'the same layers are the same picture');
    const before = await page.locator('#objects li').count();
    await page.fill('#score', '0.1');
    assert.ok(await page.locator('#objects li').count() > before);
    await page.fill('#score', '0.95');
    assert.equal(await page.locator('#objects li').count(), 0);
    assert.equal(await page.textContent('#objects-empty'), 'None of such a score.');
    assert.match(await page.textContent('#objects-note'), /^\d+ of lower scores not shown$/);
    await page.fill('#score', '0.3');
    await page.click('#objects li:nth-child(2) button');
    await page.mouse.move(0, 0);
    assert.equal(await page.getAttribute('#objects li:nth-child(2) button', 'aria-pressed'), 'true');
    assert.ok(await drawn(page) !== all, 'the chosen object stands out');
    await shot(page, 'streets-chosen');
  });

  await check('streets files', at(puzzles), {}, async page => {
    await met(page);
    const encoded = street.buffer.toString('base64');
    for (const kind of ['drop', 'paste']) {
      await page.evaluate(async ({ kind, encoded }) => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(atob(encoded), c => c.charCodeAt(0))], `${kind}.png`, { type: 'image/png' }));
        document.body.dataset.run = '';
        document.body.dispatchEvent(kind === 'drop'
          ? new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }) : new ClipboardEvent(kind, { clipboardData: data, bubbles: true, cancelable: true }));
      }, { kind, encoded });
      await done(page);
      assert.match(await page.textContent('#status'), new RegExp(`^${kind}\\.png: \\d+ objects`));
    }
  });

  await check('streets errors', at(puzzles), {}, async page => {
    await look(page, { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
    assert.match(await page.textContent('#error'), /expected a picture \(PNG, JPEG, WebP, GIF or BMP\)/);
    assert.equal(await page.getAttribute('#error', 'role'), 'alert');
    assert.equal(await page.textContent('#status'), 'notes.png could not be perceived.');
    await look(page, { ...street, buffer: street.buffer.subarray(0, 50_000) });
    assert.match(await page.textContent('#error'), /found the end of the file/);
    await look(page, { name: 'large.png', mimeType: 'image/png', buffer: Buffer.alloc(9 << 20) });
    assert.equal(await page.textContent('#error'), 'large.png has 9.0 MiB; the server takes at most 8.0 MiB');
    await page.evaluate(() => document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: new DataTransfer(), bubbles: true, cancelable: true })));
    assert.match(await page.textContent('#error'), /what was dropped is none/);
    await look(page);
    assert.ok(await page.isHidden('#error'));
  });

  await check('streets text', at(puzzles), {}, async page => {
    await look(page, { ...street, name: '<img src=x onerror=alert(1)>.png' });
    assert.match(await page.textContent('#status'), /^<img src=x onerror=alert\(1\)>\.png: /);
    assert.equal(await page.locator('main img').count(), 0);
  });

  await check('streets keyboard', at(puzzles), {}, async page => {
    await look(page);
    await page.focus('body');
    const reached = [], unseen = [];
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab');
      const now = await page.evaluate(() => {
        const active = document.activeElement;
        if (active === document.body) return null;
        const { outlineStyle, outlineWidth } = getComputedStyle(active.type === 'file' ? active.nextElementSibling : active);
        return { id: active.id || active.className || active.parentElement.parentElement.id, outline: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 };
      });
      if (!now) break;
      reached.push(now.id);
      if (!now.outline) unseen.push(now.id);
    }
    for (const id of ['skip', 'to-branches', 'to-streets', 'file', 'sample', 'boxes', 'pixels', 'score', 'objects']) assert.ok(reached.includes(id), `${id} is not among ${reached}`);
    assert.deepEqual(unseen, [], 'the focus can be seen');
    await page.focus('#objects li:nth-child(1) button');
    await page.keyboard.press('Enter');
    assert.equal(await page.getAttribute('#objects li:nth-child(1) button', 'aria-pressed'), 'true');
    await page.focus('#sample');
    await page.evaluate(() => { document.body.dataset.run = ''; });
    await page.keyboard.press('Enter');
    await done(page);
    assert.match(await page.textContent('#status'), /^street\.png: \d+ objects/);
  });

  await check('streets phone', at(puzzles), { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }, async page => {
    await met(page);
    assert.deepEqual(await sideways(page), [360, 360]);
    await look(page, { ...street, name: `${'x'.repeat(200)}.png` });
    assert.deepEqual(await sideways(page), [360, 360]);
    await shot(page, 'streets-phone');
    assert.ok(await page.evaluate(() => [...document.querySelectorAll('button, #drop label')].filter(e => e.checkVisibility()).every(e => e.getBoundingClientRect().height >= 24)));
  });

  for (const colorScheme of ['light', 'dark']) {
    await check(`streets ${colorScheme}`, at(puzzles), { colorScheme }, async page => {
      await look(page);
      await page.click('#objects li:nth-child(1) button');
      const least = await leastContrast(page);
      assert.ok(least.ratio >= 4.5, `contrast ${least.ratio.toFixed(2)} at '${least.text}'`);
      await page.click('#objects li:nth-child(1) button');
      await page.mouse.move(0, 0);
      await page.evaluate(() => document.activeElement.blur());
      await shot(page, `streets-${colorScheme}`);
    });
  }

  await check('streets off', at(noise), {}, async page => {
    await told(page);
    assert.match(await page.textContent('#error'), /no network for perception; start it with --perception FILE/);
    await page.click('#to-branches');
    await page.waitForFunction(() => document.getElementById('model').textContent.includes('context'));
  });

  await check('streets key', at(locked), {}, async page => {
    await page.waitForFunction(() => !document.getElementById('key-field').hidden);
    await page.fill('#key', 'wrong');
    await page.keyboard.press('Tab');
    await told(page);
    assert.equal(await page.textContent('#error'), 'the API key is wrong');
    await page.fill('#key', key);
    await page.keyboard.press('Tab');
    await met(page);
    assert.ok(await page.isHidden('#key-field'));
    await look(page);
    assert.match(await page.textContent('#status'), /^street\.png: \d+ objects/);
  });
}
