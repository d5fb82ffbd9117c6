// Requests to the API. Each has a deadline, and each failure is a Problem that can be shown.

const DEADLINE = 10_000;

/** What went wrong, in the form of RFC 9457 also where no server answered. */
export class Problem extends Error {
  constructor(document) {
    super(document.detail ?? document.title ?? 'something went wrong');
    this.status = document.status ?? 0;
    this.code = document.code ?? '';
    this.errors = document.errors ?? [];
    this.document = document;
  }
}

/** Reads a document. Options: signal, deadline in ms. */
export function get(path, options = {}) {
  return send('GET', path, undefined, options);
}

/**
 * Sends a document, or nothing when body is undefined. The answer is undefined when it has no body.
 */
export function post(path, body, options = {}) {
  return send('POST', path, body, options);
}

/** Sends one request. */
export async function send(method, path, body, {signal, deadline = DEADLINE, headers = {}} = {}) {
  const signals = [signal, deadline && AbortSignal.timeout(deadline)].filter(Boolean);
  const init = {method, headers: {Accept: 'application/json', ...headers}, signal: AbortSignal.any(signals)};
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers['Content-Type'] = 'application/json';
  }
  let response;
  let text;
  try {
    response = await fetch(path, init);
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(
      error.name === 'TimeoutError'
        ? {code: 'timeout', detail: `no answer within ${deadline / 1000} s`}
        : {code: 'unreachable', detail: 'the service does not answer'},
    );
  }
  const type = response.headers.get('Content-Type') ?? '';
  const document = type.includes('json') && text !== '' ? JSON.parse(text) : undefined;
  if (!response.ok) throw new Problem(document ?? {status: response.status, detail: text.slice(0, 300)});
  return type.includes('json') ? document : text || undefined;
}

/** Sends a request whose answer comes line by line, and calls each for every document. */
export async function lines(path, each, {signal} = {}) {
  const response = await fetch(path, {method: 'POST', signal, headers: {Accept: 'application/x-ndjson'}});
  if (!response.ok) throw new Problem(await response.json());
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n');
    rest = parts.pop();
    for (const part of parts) if (part !== '') each(JSON.parse(part));
  }
}

/** A path with its parts escaped: path`/v1/consumers/${name}/pause`. */
export function path(strings, ...values) {
  return String.raw({raw: strings}, ...values.map((v) => encodeURIComponent(v)));
}
