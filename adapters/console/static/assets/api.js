// Requests to the API. Each has a deadline, and each failure is a Problem that can be shown.

const DEADLINE = 10_000;

/** What went wrong, in the form of RFC 9457 also where no server answered. */
export class Problem extends Error {
  constructor(document, scope) {
    super(document.detail ?? document.title ?? 'something went wrong');
    this.status = document.status ?? 0;
    this.code = document.code ?? '';
    this.errors = document.errors ?? [];
    this.document = document;
    /** The right that is missing, where the server names one. */
    this.scope = scope;
  }

  /** Whether the service asks who the client is, or does not allow it. */
  get access() {
    return this.status === 401 || this.status === 403;
  }
}

const TOKEN = 'orderflow.token';

/** The token that is sent, if there is one, and the last Problem of access. */
export const access = {token: sessionStorage.getItem(TOKEN) ?? '', refused: undefined};

/** Keeps a token for this tab, or forgets it when it is empty. All is read again with it. */
export function keepToken(token) {
  if (token) sessionStorage.setItem(TOKEN, token);
  else sessionStorage.removeItem(TOKEN);
  location.reload();
}

/** The headers that say who asks. */
export function authorization() {
  return access.token ? {Authorization: `Bearer ${access.token}`} : {};
}

/** The Problem of an answer that is none of success. */
export async function refusal(response) {
  const text = await response.text();
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    document = {detail: text.slice(0, 300)};
  }
  const scope = /scope="([^"]+)"/.exec(response.headers.get('WWW-Authenticate') ?? '')?.[1];
  const problem = new Problem({status: response.status, ...document}, scope);
  if (problem.access) access.refused = problem;
  return problem;
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
  const init = {
    method,
    headers: {Accept: 'application/json', ...authorization(), ...headers},
    signal: AbortSignal.any(signals),
  };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers['Content-Type'] = 'application/json';
  }
  let response;
  let text;
  let refused;
  try {
    response = await fetch(path, init);
    if (response.ok) text = await response.text();
    else refused = await refusal(response);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(
      error.name === 'TimeoutError'
        ? {code: 'timeout', detail: `no answer within ${deadline / 1000} s`}
        : {code: 'unreachable', detail: 'the service does not answer'},
    );
  }
  if (refused) throw refused;
  const type = response.headers.get('Content-Type') ?? '';
  if (!type.includes('json')) return text || undefined;
  return text === '' ? undefined : JSON.parse(text);
}

/** Sends a request whose answer comes line by line, and calls each for every document. */
export async function lines(path, each, {signal} = {}) {
  const headers = {Accept: 'application/x-ndjson', ...authorization()};
  const response = await fetch(path, {method: 'POST', signal, headers});
  if (!response.ok) throw await refusal(response);
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
