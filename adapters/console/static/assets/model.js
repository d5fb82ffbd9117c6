// The state of the service that several pages show: the consumers, and the commands that this
// process has answered, each with its last five minutes.

import {get} from './api.js';
import {Series, Watched} from './watch.js';

/** GET /v1/consumers, every second. */
export const consumers = new Watched('/v1/consumers', 1000);

/** Figures of one consumer over time, by its name. */
const histories = new Map();

/** What the page keeps of one consumer. */
export function history(name) {
  if (!histories.has(name)) {
    histories.set(name, {
      events: new Series(),
      age: new Series(),
      rate: new Series(),
      arrivals: new Series(),
      before: undefined,
    });
  }
  return histories.get(name);
}

function remember() {
  const seen = consumers.problem === undefined;
  for (const [name, kept] of histories) {
    const c = seen ? consumers.data.consumers.find((one) => one.name === name) : undefined;
    if (c === undefined) {
      for (const series of [kept.events, kept.age, kept.rate, kept.arrivals]) series.add(undefined);
      kept.before = undefined;
    }
  }
  if (!seen) return;
  for (const c of consumers.data.consumers) {
    const kept = history(c.name);
    const now = {at: consumers.at, handled: c.handled, lag: c.lag.known ? c.lag.events : undefined};
    kept.events.add(now.lag, now.at);
    kept.age.add(c.lag.known ? c.lag.age_seconds : undefined, now.at);
    const rates = ratesBetween(kept.before, now);
    kept.rate.add(rates.handled, now.at);
    kept.arrivals.add(rates.arrived, now.at);
    kept.before = now;
  }
}

// What came into a consumer's queue is what left it and what the queue grew by. Counters begin
// again at 0 when the process does; then a rate is not known.
function ratesBetween(before, now) {
  const seconds = before ? (now.at - before.at) / 1000 : 0;
  if (seconds <= 0 || now.handled < before.handled) return {};
  const handled = (now.handled - before.handled) / seconds;
  if (now.lag === undefined || before.lag === undefined) return {handled};
  return {handled, arrived: Math.max(0, handled + (now.lag - before.lag) / seconds)};
}

/** Events that reach the consumers a second: the figure of the consumer that knows it best. */
export function eventRate() {
  const known = (consumers.data?.consumers ?? [])
    .filter((c) => !['stopped', 'standby', 'catching-up', 'expired', 'rebuilding'].includes(c.state))
    .map((c) => history(c.name).arrivals.last)
    .filter((rate) => rate !== undefined)
    .sort((a, b) => a - b);
  return known.length > 0 ? known[Math.floor(known.length / 2)] : undefined;
}

/** Commands that this process has answered, from its metrics. */
export const commands = new Watched(readCommands, 2000);

/** Commands accepted and refused a second, and the time within which 99 % were answered. */
export const commandRates = {accepted: new Series(), refused: new Series(), p99: undefined};

const COMMAND = /^orderflow_http_request_duration_seconds_(bucket|count)\{(.*)\} (\S+)/;

async function readCommands(options) {
  const text = await get('/metrics', {...options, headers: {Accept: 'text/plain'}});
  const sums = {accepted: 0, refused: 0, failed: 0, buckets: new Map()};
  for (const line of text.split('\n')) {
    const match = COMMAND.exec(line);
    if (match === null) continue;
    const label = (name) => new RegExp(`${name}="([^"]*)"`).exec(match[2])?.[1] ?? '';
    if (!['POST', 'PUT'].includes(label('method')) || !label('route').startsWith('/v1/orders')) continue;
    const status = Number(label('status'));
    const value = Number(match[3]);
    if (match[1] === 'bucket') {
      if (status < 300) sums.buckets.set(label('le'), (sums.buckets.get(label('le')) ?? 0) + value);
    } else if (status < 300) sums.accepted += value;
    else if (status < 500) sums.refused += value;
    else sums.failed += value;
  }
  return sums;
}

let commandsBefore;

function rememberCommands() {
  const now = commands.problem === undefined ? {at: commands.at, ...commands.data} : undefined;
  const seconds = now && commandsBefore ? (now.at - commandsBefore.at) / 1000 : 0;
  const known = seconds > 0 && now.accepted >= commandsBefore.accepted;
  commandRates.accepted.add(known ? (now.accepted - commandsBefore.accepted) / seconds : undefined);
  commandRates.refused.add(
    known ? (now.refused + now.failed - commandsBefore.refused - commandsBefore.failed) / seconds : undefined,
  );
  commandRates.p99 = known ? quantile(commandsBefore.buckets, now.buckets, 0.99) : undefined;
  commandsBefore = now;
}

// The upper bound of the bucket that holds the quantile of what was counted in between.
function quantile(before, now, q) {
  const bounds = [...now]
    .map(([le, n]) => [le === '+Inf' ? Infinity : Number(le), n - (before.get(le) ?? 0)])
    .sort((a, b) => a[0] - b[0]);
  const total = bounds.at(-1)?.[1] ?? 0;
  return total === 0 ? undefined : bounds.find(([, n]) => n >= q * total)[0];
}

/** Keeps the histories as long as the console is open. */
export function startModel(changed) {
  consumers.listen(() => {
    remember();
    changed();
  });
  commands.listen(() => {
    rememberCommands();
    changed();
  });
}

/** What is wrong with a consumer and what to do about it, or undefined. */
export function trouble(c) {
  const failed = c.failure ? `: ${c.failure.error}` : '';
  switch (c.state) {
    case 'failed':
      return {
        level: 'bad',
        what: `stopped by itself${failed}`,
        todo: 'Remove the cause, then resume it.',
        line: `consumers resume ${c.name}`,
      };
    case 'stopped':
      return {
        level: 'bad',
        what: `does nothing${failed}`,
        todo: 'It has not started or has ended: read the log of its process.',
        line: 'consumers',
      };
    case 'failing':
      return {
        level: 'bad',
        what: `is retrying${failed}`,
        todo: FAILURES[c.failure?.kind] ?? 'It continues by itself when the cause is gone.',
        line: 'consumers',
      };
    default:
  }
  if (!c.lag.known && c.lag.error) {
    return {
      level: 'bad',
      what: `lag not known: ${c.lag.error}`,
      todo: 'Check the store and the reader of the change feed.',
      line: 'consumers',
    };
  }
  if (c.parked > 0) {
    const noun = c.parked === 1 ? 'order is' : 'orders are';
    return {
      level: 'bad',
      what: `${c.parked} ${noun} parked`,
      todo: 'See why, then retry or skip. All other orders flow.',
      href: `/ui/parked?consumer=${encodeURIComponent(c.name)}`,
      line: `parked ls ${c.name}`,
    };
  }
  if (c.rebuild?.phase === 'refused') {
    return {
      level: 'bad',
      what: 'its rebuild was refused',
      todo: 'The new generation differs: look at the differences.',
      line: `consumers rebuild ${c.name}`,
    };
  }
  switch (c.state) {
    case 'expired':
      return {
        level: 'warn',
        what: 'was away for longer than the feed keeps',
        todo: 'It catches up from the event store by itself.',
        line: 'consumers',
      };
    case 'paused':
      return {
        level: 'warn',
        what: 'is paused',
        todo: 'Its queue grows until it is resumed.',
        line: `consumers resume ${c.name}`,
      };
    default:
      return undefined;
  }
}

const FAILURES = {
  undecodable: 'The event cannot be read: run a version that can, then resume.',
  newer: 'A newer version of the program wrote the event, and a process of it continues.',
  store: 'The store does not answer or does not accept it. It continues by itself when it does.',
  refused: 'The target of the publisher does not accept it: check the target.',
  bug: 'The program has a fault: run a version without it.',
};
