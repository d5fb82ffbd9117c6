// The page of one order: what happened to it, what it was at any moment, how far each event has
// come, and what can be done now.

import {h} from './html.js';
import {get, path} from './api.js';
import {duration, exact, money, plural} from './format.js';
import {commandPanel} from './commandpanel.js';
import {asOf, copyButton, id, status, waiting, when} from './parts.js';
import {asCurl, asGo, isErased, summary} from './eventtext.js';
import {json} from './json.js';
import {Live} from './live.js';
import {stateView} from './orderstate.js';
import {waterfall} from './waterfall.js';
import {Watched} from './watch.js';
import {typeName} from './events.js';

/** Events that are read at most, and those that are listed on each side of the chosen one. */
const MOST = 10_000;
const AROUND = 60;

export function order(place) {
  const orderId = place.params.id;
  const history = new Watched((options) => readHistory(orderId, history.data ?? [], options));
  const head = () => history.data?.length ?? 0;
  const at = () => Math.max(1, Math.min(head(), Number(place.query.get('at')) || head()));
  // The way of the chosen event only.
  const explained = new Watched(
    (options) =>
      get(`${path`/v1/orders/${orderId}/explain`}?after=${Math.max(0, at() - 1)}&limit=1`, options),
    5000,
  );
  const possible = new Watched(path`/v1/orders/${orderId}/commands`);
  const states = new Map();
  let playing;

  const stops = [explained, possible].map((one) => one.listen(place.changed));
  stops.push(
    history.listen(() => {
      place.changed();
      if (explained.data?.events[0]?.sequence_number !== at()) explained.refresh();
    }),
  );
  // A new event makes the rest worth asking again. What was asked a moment ago is enough.
  let due;
  const live = new Live(path`/v1/orders/${orderId}/stream`, ({event, changed}) => {
    if (changed) place.changed();
    if (!event || Number(event.sequence) <= (history.data?.length ?? 0)) return;
    clearTimeout(due);
    due = setTimeout(() => refresh(), 150);
  });

  function refresh() {
    for (const one of [history, explained, possible]) one.refresh();
  }

  // The state after an event never changes, so it is asked for once.
  function stateAt(sequence) {
    if (sequence < 1) return {data: {}};
    if (!states.has(sequence)) {
      const asked = {};
      states.set(sequence, asked);
      get(`${path`/v1/orders/${orderId}`}?at_sequence=${sequence}`)
        .then((data) => {
          asked.data = data;
        })
        .catch((problem) => {
          asked.problem = problem;
          states.delete(sequence);
        })
        .finally(place.changed);
    }
    return states.get(sequence);
  }

  const goTo = (n) => {
    place.setQuery({at: n >= head() ? undefined : Math.max(1, n)});
    explained.refresh();
  };

  function play() {
    if (playing) {
      clearInterval(playing);
      playing = undefined;
    } else {
      if (at() === head()) goTo(1);
      playing = setInterval(() => {
        if (at() >= head()) play();
        else goTo(at() + 1);
      }, 900);
    }
    place.changed();
  }

  return {
    title: `Order ${orderId.slice(0, 8)}`,
    leave() {
      clearInterval(playing);
      clearTimeout(due);
      live.close();
      for (const stop of stops) stop();
    },
    keys: {
      ArrowLeft: () => goTo(at() - 1),
      ArrowRight: () => goTo(at() + 1),
      j: () => goTo(at() + 1),
      k: () => goTo(at() - 1),
      Home: () => goTo(1),
      End: () => goTo(head()),
      ' ': play,
    },
    help: {'← →': 'Step by step', 'Home End': 'First, last event', Space: 'Play'},
    view() {
      const heading = h(
        'div.title-row',
        h('h1', 'Order ', h('code', orderId)),
        copyButton(orderId, 'Copy the id'),
        asOf(history),
        live.problem && h('span.note', `not live: ${live.problem.message}`),
      );
      if (!history.data) return [heading, waiting(history)];
      const events = history.data;
      const now = stateAt(head());
      const chosen = events[at() - 1];
      const before = stateAt(at() - 1);
      const state = stateAt(at());
      return [
        heading,
        now.data && facts(now.data, events),
        h(
          'div.order',
          h(
            'section.panel.timeline',
            {'aria-label': 'What happened'},
            h('h2', 'What happened'),
            timeline(events, at(), goTo),
          ),
          h(
            'div.order-middle',
            h(
              'section.panel',
              {'aria-label': 'The order at a moment'},
              scrubber(events, at(), goTo, {playing: Boolean(playing), play, place}),
              state.problem && waiting(state, refresh),
              state.data && before.data && stateView(before.data, state.data),
            ),
            h(
              'section.panel',
              {'aria-label': 'The way of the event'},
              h('h2', 'How far ', typeName(chosen.event_type), ' has come'),
              explained.data
                ? waterfall(
                    explained.data.events.find((e) => e.sequence_number === at()),
                    asOf(explained),
                  )
                : waiting(explained),
            ),
            h('section.panel', {'aria-label': 'The event'}, eventDetail(chosen, events, goTo)),
          ),
          h(
            'section.panel.commands',
            {'aria-label': 'Commands'},
            possible.data ? commandPanel(possible.data, now.data, refresh, place) : waiting(possible),
          ),
        ),
      ];
    },
  };
}

// A long history comes in parts, and only what is not known yet is asked for.
async function readHistory(orderId, known, options) {
  const events = [...known];
  for (;;) {
    const part = await get(`${path`/v1/orders/${orderId}/events`}?after=${events.length}`, options);
    events.push(...part.events);
    if (!part.next_after || events.length >= MOST) return events;
  }
}

function facts(now, events) {
  return h(
    'dl.facts',
    h('div', h('dt', 'Status'), h('dd', status(now.status))),
    h(
      'div',
      h('dt', 'Customer'),
      h('dd', h('a', {href: `/ui/orders?customer=${encodeURIComponent(now.customer_id)}`}, now.customer_id)),
    ),
    h('div', h('dt', 'Total'), h('dd.num', money(now.total, now.currency))),
    h('div', h('dt', 'Created'), h('dd', when(now.created_at))),
    h('div', h('dt', 'Last event'), h('dd', when(now.updated_at))),
    events.some(isErased) && h('div', h('dt', 'Personal data'), h('dd', 'erased')),
  );
}

// The events from the first on. Pauses between them are shown by a gap that grows with the
// logarithm of the pause, and by their length.
function timeline(events, at, goTo) {
  const first = Math.max(0, at - 1 - AROUND);
  const last = Math.min(events.length, at + AROUND);
  return h(
    'ol',
    first > 0 && h('li.note', {key: 'before'}, plural(first, 'event'), ' before these'),
    events.slice(first, last).map((event, n) => {
      const i = first + n;
      const pause = i > 0 ? (new Date(event.created_at) - new Date(events[i - 1].created_at)) / 1000 : 0;
      return [
        i > 0 &&
          h(
            'li.pause',
            {
              key: `p${event.sequence_number}`,
              style: {'--gap': `${Math.min(44, 4 + 9 * Math.log10(1 + pause * 10)).toFixed(0)}px`},
            },
            pause >= 1 && h('span', duration(pause)),
          ),
        h(
          'li',
          {key: event.sequence_number, 'aria-current': event.sequence_number === at ? 'step' : undefined},
          h(
            'button',
            {type: 'button', onclick: () => goTo(event.sequence_number)},
            h('span.no', event.sequence_number),
            h(
              'span.fact',
              typeName(event.event_type),
              h('span.what', when(event.created_at), ' · ', summary(event.event_type, event.data)),
            ),
          ),
        ),
      ];
    }),
    last < events.length &&
      h('li.note', {key: 'after'}, plural(events.length - last, 'event'), ' after these'),
  );
}

function scrubber(events, at, goTo, {playing, play, place}) {
  const head = events.length;
  const byTime = place.query.get('by') === 'time';
  const first = new Date(events[0].created_at).getTime();
  const span = Math.max(1, new Date(events.at(-1).created_at).getTime() - first);
  const where = (i) =>
    byTime ? (new Date(events[i].created_at) - first) / span : head > 1 ? i / (head - 1) : 0;
  const event = events[at - 1];
  return h(
    'div.scrubber',
    h(
      'div.scrub-row',
      h(
        'button',
        {
          type: 'button',
          disabled: at <= 1,
          onclick: () => goTo(at - 1),
          'aria-label': 'One event back',
          title: '←',
        },
        '‹',
      ),
      h(
        'button',
        {
          type: 'button',
          disabled: head < 2,
          onclick: play,
          'aria-label': playing ? 'Stop' : 'Play',
          title: 'Space',
        },
        playing ? 'Ⅱ' : '▶',
      ),
      h(
        'button',
        {
          type: 'button',
          disabled: at >= head,
          onclick: () => goTo(at + 1),
          'aria-label': 'One event on',
          title: '→',
        },
        '›',
      ),
      h('span.scrub-at', h('strong', `after event ${at}`), ` of ${head}, ${exact(event.created_at)}`),
      h(
        'button.push',
        {
          type: 'button',
          'aria-pressed': String(byTime),
          onclick: () => place.setQuery({by: byTime ? undefined : 'time'}),
          disabled: head < 2,
        },
        'by time',
      ),
    ),
    h(
      'div.track',
      h('input', {
        type: 'range',
        'aria-label': byTime ? 'Moment' : 'Event',
        'aria-valuetext': `event ${at}, ${event.event_type}`,
        min: byTime ? 0 : 1,
        max: byTime ? 1000 : head,
        step: 1,
        value: String(byTime ? Math.round(where(at - 1) * 1000) : at),
        oninput: (e) => {
          const value = Number(e.target.value);
          goTo(byTime ? lastAt(events, first + (value / 1000) * span) : value);
        },
      }),
      head <= 200 &&
        h(
          'div.ticks',
          {'aria-hidden': 'true'},
          events.map((one, i) =>
            h('i', {
              key: i,
              class: i + 1 <= at ? 'past' : '',
              style: {'--x': `${(100 * where(i)).toFixed(2)}%`},
            }),
          ),
        ),
    ),
  );
}

// The last event that had happened at a time.
function lastAt(events, time) {
  const later = events.findIndex((event) => new Date(event.created_at).getTime() > time + 0.5);
  return later < 0 ? events.length : Math.max(1, later);
}

function eventDetail(event, events, goTo) {
  const same = events.filter((one) => one !== event && one.correlation_id === event.correlation_id);
  const cause = events.find((one) => one.event_id === event.causation_id);
  const effects = events.filter((one) => one.causation_id === event.event_id);
  const link = (one) =>
    h(
      'button.link.accent',
      {type: 'button', onclick: () => goTo(one.sequence_number)},
      `event ${one.sequence_number}`,
    );
  return [
    h('div.title-row', h('h2', 'The event'), h('span.note', `version ${event.event_version}`)),
    json(event.data),
    h(
      'div.actions',
      copyButton(() => asCurl(event.aggregate_id, event.event_type, event.data), '', 'Copy as curl'),
      copyButton(() => asGo(event.event_type, event.data), '', 'Copy as Go fixture'),
      copyButton(() => JSON.stringify(event, null, 2), '', 'Copy as JSON'),
    ),
    h('h3', 'Causes and effects'),
    h(
      'dl.meta',
      h('dt', 'event'),
      h('dd', id(event.event_id)),
      h('dt', 'by command'),
      h('dd', id(event.command_id)),
      h('dt', 'caused by'),
      h(
        'dd',
        cause
          ? link(cause)
          : event.causation_id === event.command_id
            ? 'its command'
            : id(event.causation_id),
      ),
      h('dt', 'has caused'),
      h('dd', effects.length > 0 ? effects.map((one) => [link(one), ' ']) : 'no event of this order'),
      h('dt', 'correlation'),
      h(
        'dd',
        id(event.correlation_id),
        same.length > 0 && [' with ', same.slice(0, 8).map((one) => [link(one), ' '])],
      ),
      Object.entries(event.metadata)
        .filter(([name]) => name !== 'command_digest')
        .map(([name, value]) => [
          h('dt', {key: `t${name}`}, name),
          h('dd', {key: `d${name}`}, h('code', value)),
        ]),
    ),
  ];
}
