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

/**
 * Who the visitor is, as GET /v1/session tells it, or undefined while that is not known; the last
 * Problem of access; whether a session has ended; and the Problem of the last login.
 */
export const access = {who: undefined, refused: undefined, ended: false, problem: undefined};

/** Asks who the visitor is. */
export async function meet(changed) {
  try {
    access.who = await get('/v1/session');
    access.ended ||= Boolean(access.who.refused);
  } catch {
    // The API decides anyway, and what does not answer is shown by all else.
  }
  changed();
}

/** Logs in with a token, which is sent once and not kept. All is read again after that. */
export async function logIn(token) {
  try {
    await post('/v1/session', {token});
    location.reload();
  } catch (problem) {
    access.problem = problem;
  }
}

/** Logs out, and shows nothing of what could be read before. */
export async function logOut() {
  await send('DELETE', '/v1/session');
  location.reload();
}

/** Why the visitor may not do what needs a scope, or undefined when that is allowed. */
export function lacks(scope) {
  const {who} = access;
  if (!who?.asks || who.scopes.includes(scope) || who.scopes.includes('admin')) return undefined;
  return who.subject
    ? `Not allowed: ${who.subject} does not have the scope ${scope}.`
    : `Not allowed before you log in: it needs the scope ${scope}.`;
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
  if (problem.status === 401 && access.who?.session) access.ended = true;
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
    headers: {Accept: 'application/json', ...headers},
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
  const response = await fetch(path, {method: 'POST', signal, headers: {Accept: 'application/x-ndjson'}});
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
