// OpenAI's client for JavaScript, as its users call it. Writes one JSON document of what it saw.
import OpenAI from 'openai';

const [baseURL, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: 'any', maxRetries: 0 });
const messages = [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Hello' }];
const settings = { model, max_tokens: 10, seed: 3, ignore_eos: true };
const texts = (answer) => answer.choices.map((choice) => choice.message?.content ?? choice.text);
const seen = {};

const first = await client.chat.completions.create({ ...settings, messages });
const longer = [...messages, first.choices[0].message, { role: 'user', content: 'And now?' }];
const second = await client.chat.completions.create({ ...settings, messages: longer });
seen.conversation = { roles: [first, second].map((answer) => answer.choices[0].message.role), usage: [first.usage, second.usage] };

const whole = await client.chat.completions.create({ ...settings, messages, n: 4 });
const stream = client.chat.completions.stream({ ...settings, messages, n: 4, stream_options: { include_usage: true } });
let chunks = 0;
for await (const _ of stream) chunks++;
const final = await stream.finalChatCompletion();
seen.stream = { chunks, whole: texts(whole), streamed: texts(final), finishes: final.choices.map((choice) => choice.finish_reason), usage: final.usage };

const scored = await client.chat.completions.create({ ...settings, messages, temperature: 0, logprobs: true, top_logprobs: 2 });
seen.logprobs = scored.choices[0].logprobs.content;

const failure = async (work) => {
  try {
    await work();
  } catch (error) {
    return { name: error.constructor.name, status: error.status, code: error.code, param: error.param, message: error.message };
  }
};
seen.errors = [
  await failure(() => client.chat.completions.create({ ...settings, messages, temperature: 'hot' })),
  await failure(() => client.chat.completions.create({ ...settings, messages, model: 'gpt-9' })),
];

const long = await client.chat.completions.create({ ...settings, messages, max_tokens: 3500, stream: true });
let received = 0;
for await (const _ of long) if (++received === 5) long.controller.abort();
seen.cancelled = { received };

const legacy = await client.completions.create({ ...settings, prompt: ['one', 'two'], n: 2, logprobs: 1 });
seen.completions = { texts: texts(legacy), ranks: legacy.choices.map((choice) => choice.coppice.rank), tokens: legacy.choices[0].logprobs.tokens.length };
const pieces = ['', '', '', ''];
for await (const chunk of await client.completions.create({ ...settings, prompt: ['one', 'two'], n: 2, stream: true }))
  for (const choice of chunk.choices) pieces[choice.index] += choice.text;
seen.completions.streamed = pieces;

const embedded = await client.embeddings.create({ model, input: ['a text', 'another one'] });
seen.embeddings = embedded.data.map((item) => item.embedding.length);
seen.models = (await client.models.list()).data.map((item) => item.id);
console.log(JSON.stringify(seen));
