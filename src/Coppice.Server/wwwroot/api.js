// What the views share: requests with the key, what the server says when it refuses, and where that is shown.
const $ = id => document.getElementById(id);
const keyName = 'coppice-key';

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export function headers() {
  const key = sessionStorage.getItem(keyName);
  return key ? { authorization: `Bearer ${key}` } : {};
}

/** What went wrong with an answer, in the server's words where it has some. */
export async function refusal(response) {
  let message = `the server answered ${response.status}`;
  try {
    message = (await response.json()).error?.message ?? message;
  } catch {
    // No JSON: the status says all there is.
  }
  return new ApiError(message, response.status);
}

export async function ask(path) {
  const response = await fetch(path, { headers: headers() });
  if (!response.ok) throw await refusal(response);
  return response.json();
}

/** Shows an error in the form. */
export function complain(error) {
  $('error').textContent = error.message;
  $('error').hidden = false;
  $('error').scrollIntoView({ block: 'nearest' });
  if (error.status === 401) needKey(true);
}

/** Asks for the API key. */
export function needKey(focus) {
  const first = $('key-field').hidden;
  $('key-field').hidden = false;
  if (focus || (first && document.activeElement === document.body)) $('key').focus();
}

/** Keeps the key that was written, until the tab is closed. */
export function keepKey() {
  sessionStorage.setItem(keyName, $('key').value);
  $('error').hidden = true;
}
