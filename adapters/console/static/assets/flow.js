// The Flow page: the way of every event through the service, with the figures of now.

import {h} from './html.js';
import {compact, count, duration, plural, rate} from './format.js';
import {commandRates, commands, consumers, eventRate, history, trouble} from './model.js';
import {asOf, commandLine, empty, figure, sparkline, state, waiting} from './parts.js';
import {Wires} from './wires.js';
import {Series} from './watch.js';

/** What publishers fill; a projection fills the table of its own name. */
const TARGETS = {
  'file-publisher': 'file of CloudEvents',
  'stdout-publisher': 'standard output',
  'redpanda-publisher': 'topic order-events',
};

const events = new Series();
consumers.listen(() => events.add(consumers.problem ? undefined : eventRate()));

export function flow(place) {
  const wires = new Wires();
  const stop = commands.listen(place.changed);
  return {
    title: 'Flow',
    wide: true,
    leave() {
      stop();
      wires.stop();
    },
    view() {
      if (!consumers.data) return [h('h1', 'Flow'), waiting(consumers)];
      return [h('div.title-row', h('h1', 'Flow'), asOf(consumers)), figures(), picture(wires), attention()];
    },
  };
}

function figures() {
  const all = consumers.data.consumers;
  const old = consumers.problem !== undefined;
  const known = all.filter((c) => c.lag.known && !['stopped', 'standby'].includes(c.state));
  const worst =
    known.length === 0 ? undefined : known.reduce((a, b) => (b.lag.age_seconds > a.lag.age_seconds ? b : a));
  const parked = all.reduce((sum, c) => sum + c.parked, 0);
  const refused = commandRates.refused.last;
  return h(
    'div.figures',
    {class: old ? 'old' : ''},
    tile(
      'Commands',
      rate(commandRates.accepted.last),
      '/ s',
      [
        refused === undefined
          ? 'this process'
          : refused > 0
            ? `${rate(refused)} / s refused`
            : 'none refused',
        commandRates.p99 ? `, 99 % in ${duration(commandRates.p99)}` : '',
      ],
      commandRates.accepted,
    ),
    tile('Events', rate(events.last), '/ s', 'into the change feed', events),
    tile(
      'Furthest behind',
      worst ? duration(worst.lag.age_seconds) : 'unknown',
      '',
      worst
        ? worst.lag.events === 0
          ? 'no consumer is behind'
          : `${worst.name}, ${plural(worst.lag.events, 'event')}`
        : 'no lag is known',
      worst && history(worst.name).age,
    ),
    tile(
      'Parked',
      count(parked),
      '',
      parked === 0 ? 'every order flows' : 'orders wait',
      undefined,
      parked > 0,
    ),
  );
}

function tile(name, value, unit, note, series, bad) {
  return h(
    'section.tile',
    {'aria-label': name, class: bad ? 'bad' : ''},
    h('h2', name),
    h('p.big', figure(value), value !== 'unknown' && unit && h('span.unit', ` ${unit}`)),
    h('p.note', note),
    series && sparkline(series, {label: `${name}, the last five minutes`}),
  );
}

// What is not known has no unit.
function perSecond(value, kind = '.unit') {
  return [figure(rate(value)), value !== undefined && h(`span${kind}`, ' / s')];
}

function picture(wires) {
  const all = consumers.data.consumers;
  const targets = all.map((c) => target(c));
  wires.describe(
    all.map((c) => ({
      name: c.name,
      rate: consumers.problem ? 0 : (history(c.name).arrivals.last ?? history(c.name).rate.last ?? 0),
      out: consumers.problem ? 0 : (history(c.name).rate.last ?? 0),
      state: wireState(c),
    })),
    consumers.problem ? 0 : (commandRates.accepted.last ?? 0),
    consumers.problem ? 0 : (events.last ?? 0),
    !consumers.problem,
  );
  return h(
    'section.picture',
    {'aria-label': 'The way of the events'},
    h(
      'svg:svg.wires',
      {'aria-hidden': 'true', ref: (svg) => wires.start(svg)},
      h('svg:g.paths', {own: true}),
      h('svg:g.dots', {own: true}),
    ),
    h(
      'div.stage.source',
      {'data-node': 'commands'},
      h('h2', 'Commands'),
      h('p.rate', perSecond(commandRates.accepted.last)),
      h('p.note', 'load, decide, append'),
    ),
    h(
      'div.stage.store',
      {'data-node': 'store'},
      h('h2', 'One commit'),
      h('p.store-part', h('code', 'event_store'), h('span.note', 'for ever')),
      h('p.store-part', h('code', 'outbox'), h('span.note', feedNote(all))),
    ),
    h(
      'div.stage.feed',
      {'data-node': 'feed'},
      h('h2', 'Change feed'),
      h('p.rate', perSecond(events.last)),
      h('p.note', 'each order in order'),
    ),
    h(
      'div.branches',
      all.map((c, i) =>
        h(
          'div.branch',
          {key: c.name},
          queue(c),
          box(c),
          h('div.target', {'data-node': `target:${c.name}`}, h('code', targets[i])),
        ),
      ),
    ),
  );
}

function feedNote(all) {
  const rooms = all.map((c) => c.lag.headroom_seconds).filter((s) => s !== undefined);
  return rooms.length > 0 ? `${duration(Math.max(...rooms))} of history` : 'kept for a while';
}

function target(c) {
  return TARGETS[c.name] ?? c.name.replaceAll('-', '_');
}

function wireState(c) {
  if (['failed', 'stopped'].includes(c.state) || (!c.lag.known && c.lag.error)) return 'cut';
  if (c.state === 'paused') return 'paused';
  return c.lag.known ? 'flows' : 'quiet';
}

// The events that wait before a consumer: full at a million, on a logarithmic scale.
function queue(c) {
  const full =
    c.lag.known && c.lag.events > 0 ? Math.min(1, 0.08 + 0.92 * (Math.log10(c.lag.events) / 6)) : 0;
  const text = c.lag.known
    ? `${plural(c.lag.events, 'event')} wait for ${c.name}`
    : `it is not known how many events wait for ${c.name}`;
  return h(
    'div.queue',
    {
      'data-node': `queue:${c.name}`,
      role: 'img',
      'aria-label': text,
      title: text,
      class: c.lag.known ? '' : 'unknown',
    },
    h('div.fill', {style: {'--full': `${(100 * full).toFixed(1)}%`}}),
  );
}

function box(c) {
  const wrong = trouble(c);
  const kept = history(c.name);
  return h(
    'a.box',
    {
      'data-node': `box:${c.name}`,
      href: `/ui/consumers/${encodeURIComponent(c.name)}`,
      class: wrong?.level ?? '',
      title: lately(kept),
    },
    h('span.box-head', h('strong', c.name), state(c.state)),
    h(
      'span.box-lag',
      h(
        'span.lag-events',
        figure(c.lag.known ? compact(c.lag.events) : 'unknown'),
        c.lag.known && h('span.unit', c.lag.events === 1 ? ' event' : ' events'),
      ),
      h('span.lag-age', lagAge(c)),
      sparkline(kept.rate, {
        over: kept.events,
        label: `events handled by ${c.name} in the last five minutes, and events that waited`,
      }),
    ),
    h(
      'span.box-foot',
      h('span', perSecond(kept.rate.last, '')),
      c.parked > 0 && h('span.parked-count', plural(c.parked, 'order'), ' parked'),
      c.rebuild &&
        ['filling', 'verifying'].includes(c.rebuild.phase) &&
        h('span', `${c.rebuild.phase} ${progress(c.rebuild)}`),
      c.lag.headroom_seconds !== undefined &&
        h(
          'span.headroom',
          {title: 'Time until the feed drops what it has not handled'},
          duration(c.lag.headroom_seconds),
          ' headroom',
        ),
    ),
  );
}

// The last five minutes in words.
function lately(kept) {
  const most = (series, format) => (series.most === undefined ? 'unknown' : format(series.most));
  return [
    'In the last five minutes, at most:',
    `${most(kept.events, count)} events waited,`,
    `${most(kept.age, duration)} behind,`,
    `${most(kept.rate, rate)} events a second.`,
  ].join('\n');
}

function lagAge(c) {
  if (!c.lag.known) return '';
  if (c.lag.events === 0) return 'up to date';
  return [duration(c.lag.age_seconds), h('span.if-wide', ' behind')];
}

function progress(r) {
  return r.total > 0 ? `${Math.floor((100 * r.done) / r.total)} %` : '';
}

// What is wrong, and what to do about it. When nothing is wrong it says so quietly.
function attention() {
  const all = consumers.data.consumers;
  const wrong = all.map((c) => ({c, t: trouble(c)})).filter(({t}) => t);
  if (wrong.length > 0) {
    return h(
      'section.attention',
      h('h2', 'Needs attention'),
      h(
        'ul',
        wrong.map(({c, t}) =>
          h(
            'li',
            {key: c.name, class: t.level},
            h('p', h('a', {href: `/ui/consumers/${encodeURIComponent(c.name)}`}, c.name), ' ', t.what),
            h('p.todo', t.href ? h('a', {href: t.href}, t.todo) : t.todo),
            commandLine(t.line),
          ),
        ),
      ),
    );
  }
  if (all.every((c) => c.handled === 0 && c.lag.known && c.lag.events === 0)) {
    return empty(
      'Nothing has happened since the service started. This command opens a shop that never closes:',
      'demo --follow',
    );
  }
  return h('p.calm', 'Nothing needs attention.');
}
