// The form, and one request from its start to its end.
import { ApiError, ask, complain, headers, keepKey, needKey, refusal } from './api.js';
import { Grove } from './grove.js';
import { watchEngine, bytes, count, plural } from './engine.js';

const $ = id => document.getElementById(id);
const grove = new Grove();
const bars = ['bar-context', 'bar-own', 'bar-repeated', 'bar-repeated-own'];
let model = '', run = null;

// The form

function value(id) {
  const input = $(id), number = input.valueAsNumber;
  const wrong = input.value === '' || !(number >= Number(input.min)) || (input.max && number > Number(input.max)) || (input.step === '1' && number % 1 !== 0);
  input.setAttribute('aria-invalid', wrong);
  if (!wrong) return number;
  input.focus();
  const range = input.max ? `from ${input.min} to ${input.max}` : `of at least ${input.min}`;
  throw new ApiError(`${input.labels[0].textContent}: a ${input.step === '1' ? 'whole ' : ''}number ${range} is expected`);
}

function chat() {
  return $('ask').elements.mode.value === 'chat';
}

/** The request that the form asks for. */
function body() {
  const prompt = $('prompt').value;
  if (!prompt) {
    $('prompt').focus();
    throw new ApiError('Prompt: some text is expected');
  }
  const request = {
    model, stream: true, stream_options: { include_usage: true },
    n: value('n'), temperature: value('temperature'), top_p: value('top-p'), max_tokens: value('max-tokens'), rank: $('rank').value, unique: true,
  };
  if ($('seed').value !== '') request.seed = value('seed');
  if (request.rank === 'majority' && $('pattern').value) request.answer_pattern = $('pattern').value;
  if (!chat()) return { ...request, prompt, logprobs: 0 };
  const messages = [{ role: 'user', content: prompt }];
  if ($('system').value) messages.unshift({ role: 'system', content: $('system').value });
  return { ...request, messages, logprobs: true };
}

function say(text) {
  $('status').textContent = text;
}

// One request

async function start() {
  if (run) return;
  let request;
  $('error').hidden = true;
  for (const input of document.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
  try {
    request = body();
  } catch (error) {
    complain(error);
    return;
  }

  run = { request, abort: new AbortController(), began: performance.now(), first: 0, tokens: 0, left: request.n };
  grove.plant(request.prompt ?? request.messages.at(-1).content, request.n, request.max_tokens);
  for (const id of ['first', 'time', 'speed', 'count', 'used-seed']) $(id).textContent = '–';
  $('readings').hidden = false;
  $('reading').hidden = false;
  $('read').textContent = 'What attention reads is counted while the branches grow.';
  for (const id of bars) $(id).style.width = '0';
  $('tools').hidden = request.n === 1;
  $('by-rank').disabled = true;
  press(false);
  setRunning(true);
  if ($('status').getBoundingClientRect().top > innerHeight * .6) $('status').scrollIntoView();
  say(`Reading the prompt once for ${plural(request.n, 'branch').replace('branchs', 'branches')}.`);
  const clock = setInterval(measure, 200);
  try {
    await stream(run);
    finish();
  } catch (error) {
    if (run.abort.signal.aborted) finish();
    else fail(error);
  } finally {
    clearInterval(clock);
    measure();
    run = null;
    setRunning(false);
  }
}

function setRunning(on) {
  const had = document.activeElement;
  $('start').disabled = on;
  $('stop').disabled = !on;
  // A button that goes dead under the focus hands it on.
  if (on && had === $('start')) $('stop').focus({ preventScroll: true });
  if (!on && had === $('stop')) $('start').focus({ preventScroll: true });
  document.body.dataset.run = on ? 'running' : 'done';
}

async function stream(run) {
  const response = await fetch(chat() ? 'v1/chat/completions' : 'v1/completions', {
    method: 'POST', signal: run.abort.signal, headers: { 'content-type': 'application/json', ...headers() }, body: JSON.stringify(run.request),
  });
  if (!response.ok) throw await refusal(response);
  let rest = '', done = false;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value: text, done: over } = await reader.read();
    if (over) break;
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith('data:')) continue;
      const data = line.slice(5).trim();
      if (data === '[DONE]') done = true;
      else take(run, JSON.parse(data));
    }
    grove.later();
  }
  if (!done) throw new ApiError('the stream broke off before its end');
}

function take(run, chunk) {
  if (chunk.error) throw new ApiError(chunk.error.message);
  const now = performance.now();
  for (const choice of chunk.choices) {
    const branch = grove.branches[choice.index];
    if (!branch) continue;
    const text = choice.text ?? choice.delta?.content ?? '';
    const logprobs = choice.logprobs?.token_logprobs ?? choice.logprobs?.content?.map(token => token.logprob) ?? [];
    if (text || logprobs.length) {
      if (!run.first) {
        run.first = now;
        say(`Growing ${run.request.n === 1 ? 'one branch' : `${run.request.n} branches`}.`);
      }
      branch.add(text, logprobs);
      run.tokens += logprobs.length;
    }
    if (choice.finish_reason) {
      branch.end(choice.finish_reason, (now - run.began) / 1000);
      run.left--;
    }
  }
  if (chunk.usage) run.usage = chunk.usage;
  if (chunk.coppice) run.coppice = chunk.coppice;
}

function measure() {
  if (!run) return;
  const now = performance.now(), seconds = (now - run.began) / 1000;
  $('time').textContent = `${seconds.toFixed(1)} s`;
  $('count').textContent = count(run.tokens);
  if (!run.first || !run.tokens) return;
  $('first').textContent = `${count(Math.round(run.first - run.began))} ms`;
  // At the end the engine's own time counts, without what the network took and without the first tokens, which come with the prompt.
  const growing = run.decoded ?? (now - run.first) / 1000;
  if (run.decoded || growing > .1) $('speed').textContent = count(Math.round(Math.max(run.tokens - run.request.n, 0) / growing));
}

/** All branches have ended, or were stopped. */
function finish() {
  const stopped = grove.branches.filter(branch => branch.state === 'growing');
  for (const branch of stopped) branch.end('stopped', 0);
  grove.later();
  const { usage, coppice } = run;
  if (usage) {
    const cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
    $('root-note').textContent = plural(usage.prompt_tokens, 'token') + (cached ? `, ${count(cached)} of them kept from before` : ', read once');
  }
  if (coppice) {
    showAttention(coppice);
    run.decoded = coppice.timings.decode_ms / 1000;
  }
  const ranks = new Map((coppice?.choices ?? []).map(choice => [choice.index, choice]));
  const different = ranks.size ? grove.judge(ranks, run.request.rank) : 0;
  $('by-rank').disabled = ranks.size === 0;
  if (!coppice) $('read').textContent = 'Stopped before attention\u2019s reads were counted.';
  if (stopped.length) return say(`Stopped: ${grove.branches.length - stopped.length} of ${grove.branches.length} branches had ended.`);
  const best = grove.branches.find(branch => branch.place === 1);
  const same = different && different < grove.branches.length ? `, ${different} different` : '';
  say(grove.branches.length === 1 ? 'The branch has ended.'
    : `All ${grove.branches.length} branches have ended${same}.${best ? ` Best: branch ${best.index + 1}, ${best.figures}.` : ''}`);
}

function fail(error) {
  if (run.first) {
    for (const branch of grove.branches) if (branch.state === 'growing') branch.end('stopped', 0);
    grove.later();
  } else {
    grove.clear();
    $('readings').hidden = $('reading').hidden = $('tools').hidden = true;
  }
  complain(error instanceof ApiError ? error : new ApiError(run.first ? 'The answer broke off.' : 'The server could not be reached.'));
  say('The request failed.');
}

function showAttention({ attention, seed }) {
  $('used-seed').textContent = seed ?? '–';
  if (!attention) return;
  const { context_bytes_read: context, context_bytes_repeated: repeated, branch_bytes_read: own } = attention;
  const read = context + own, would = repeated + own, most = Math.max(read, would, 1);
  const amount = document.createElement('b');
  amount.textContent = bytes(read);
  $('read').replaceChildren('Attention read ', amount, would > read * 1.05
    ? `; each branch on its own: ${bytes(would)}, ${(would / read).toFixed(1)} times as much.` : '.');
  [context, own, repeated, own].forEach((part, i) => { $(bars[i]).style.width = `${100 * part / most}%`; });
}

function press(byRank) {
  $('by-index').setAttribute('aria-pressed', !byRank);
  $('by-rank').setAttribute('aria-pressed', byRank);
}

// What the user does

$('ask').addEventListener('submit', event => {
  event.preventDefault();
  start();
});
$('stop').addEventListener('click', () => run?.abort.abort());
document.addEventListener('keydown', event => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    start();
  } else if (event.key === 'Escape') run?.abort.abort();
});
$('ask').addEventListener('change', () => {
  $('system-field').hidden = !chat();
  $('pattern-field').hidden = $('rank').value !== 'majority';
});
$('n-slide').addEventListener('input', () => { $('n').value = $('n-slide').value; });
$('n').addEventListener('input', () => { if ($('n').value !== '') $('n-slide').value = $('n').value; });
for (const byRank of [false, true]) {
  $(byRank ? 'by-rank' : 'by-index').addEventListener('click', () => {
    press(byRank);
    grove.order(byRank);
  });
}

const look = watchEngine(ask, state => {
  if (!state) return needKey(false);
  if (model === state.model) return;
  model = state.model;
  $('model').textContent = `${model}, context of ${plural(state.context_length, 'token')}`;
  document.title = `${model} – Coppice`;
  if (!$('prompt').value) $('prompt').value = /puzzle/i.test(model) ? 'make 24 from 8 6 9:' : 'Once upon a time';
});
$('key').addEventListener('change', () => {
  keepKey();
  look();
});
