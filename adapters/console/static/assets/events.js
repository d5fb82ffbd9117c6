// The Events page: what happens, newest first, while it happens.

import {h} from './html.js';
import {clock, count, exact, shortId} from './format.js';
import {copyButton, empty, id, problem, when} from './parts.js';
import {TYPES, asCurl, asGo, summary} from './eventtext.js';
import {json} from './json.js';
import {Live} from './live.js';

/** Events that are kept, and those of them that are shown at first and added by "more". */
const KEPT = 5000;
const SHOWN = 200;

const FILTERS = [
  {name: 'type', label: 'Type'},
  {name: 'customer', label: 'Customer'},
  {name: 'status', label: 'Status'},
  {name: 'sku', label: 'Article'},
  {name: 'order', label: 'Order'},
];

export function events(place) {
  let live;
  let kept = [];
  let fresh = [];
  let heard = 0;
  let paused = false;
  let shown = SHOWN;
  let opened = Date.now();

  function connect() {
    live?.close();
    kept = [];
    fresh = [];
    heard = 0;
    opened = Date.now();
    const query = new URLSearchParams();
    for (const {name} of FILTERS) {
      if (name !== 'order' && place.query.get(name)) query.set(name, place.query.get(name));
    }
    const order = place.query.get('order');
    if (!order && place.query.get('from')) query.set('from', place.query.get('from'));
    const base = order ? `/v1/orders/${encodeURIComponent(order)}/stream` : '/v1/stream';
    live = new Live(`${base}?${order ? '' : query}`, ({event}) => {
      if (event) take(event);
      place.changed();
    });
    place.changed();
  }

  // Both lists have the newest event last. While the page is paused new events wait, and what is
  // above the bound is forgotten, oldest first.
  function take(event) {
    heard++;
    const list = paused ? fresh : kept;
    list.push(event);
    if (list.length > 2 * KEPT) list.splice(0, KEPT);
  }

  function pause() {
    paused = !paused;
    if (!paused) {
      kept = [...kept, ...fresh].slice(-KEPT);
      fresh = [];
    }
    place.changed();
  }

  function filter(values) {
    place.setQuery({...values, event: undefined});
    connect();
  }

  function select(event) {
    place.setQuery({event: event?.id});
  }

  function step(by) {
    const at = kept.findIndex((event) => event.id === place.query.get('event'));
    const next = kept[at < 0 ? kept.length - 1 : Math.max(0, Math.min(kept.length - 1, at - by))];
    if (!next) return;
    select(next);
    requestAnimationFrame(() =>
      document.querySelector('tr[aria-selected="true"]')?.scrollIntoView({block: 'nearest'}),
    );
  }

  connect();
  return {
    title: 'Events',
    leave: () => live.close(),
    keys: {
      ' ': pause,
      j: () => step(1),
      k: () => step(-1),
      Escape: () => select(undefined),
      o: () => {
        const chosen = kept.find((event) => event.id === place.query.get('event'));
        if (chosen) place.go(`/ui/orders/${chosen.subject}?at=${Number(chosen.sequence)}`);
      },
    },
    help: {Space: 'Pause, go on', 'j k': 'Next, previous event', o: 'Open its order', Esc: 'Close the event'},
    view() {
      const chosen = kept.find((event) => event.id === place.query.get('event'));
      return [
        h('div.title-row', h('h1', 'Events'), connection(live, heard)),
        h(
          'div.toolbar',
          filters(place, filter),
          h(
            'button.pause',
            {type: 'button', onclick: pause, 'aria-pressed': String(paused), title: 'keyboard: space'},
            paused ? `▶ Go on${waitingText(fresh.length)}` : 'Ⅱ Pause',
          ),
        ),
        h(
          'div.split',
          {class: chosen ? 'open' : ''},
          kept.length === 0
            ? nothing(place, filter, live)
            : h('div.panel.tail', table(kept, shown, chosen, select)),
          chosen && detail(chosen, () => select(undefined)),
        ),
        kept.length > shown &&
          h(
            'button',
            {
              type: 'button',
              onclick: () => {
                shown += SHOWN;
                place.changed();
              },
            },
            `Show ${SHOWN} more of ${count(kept.length)}`,
          ),
        live.state !== 'refused' &&
          h('p.note', `Connected at ${clock(opened)}. The newest ${count(KEPT)} events are kept in this page.`),
      ];
    },
  };
}

function waitingText(n) {
  if (n === 0) return '';
  return `: ${count(Math.min(KEPT, n))}${n > KEPT ? '+' : ''} new`;
}

function connection(live, heard) {
  const words = {
    connecting: 'connecting',
    live: live.caughtUp ? 'live' : 'live, reading what was there before',
    broken: 'the connection is broken; it is made again and goes on where it was',
    refused: live.problem?.access
      ? 'no stream: not allowed'
      : 'the service refused the stream; it is asked again every 3 s',
  };
  const bad = live.state === 'broken' || live.state === 'refused';
  return [
    h(
      'span.live',
      {class: bad ? 'bad' : live.state, role: 'status'},
      h('i', {'aria-hidden': 'true'}),
      words[live.state],
    ),
    (heard > 0 || live.state !== 'refused') && h('span.note', `${count(heard)} received`),
    live.gaps > 0 && h('span.live.bad', 'a part is missing: the feed does not keep it any more'),
  ];
}

function filters(place, filter) {
  const get = (name) => place.query.get(name) ?? '';
  const field = (name, label, placeholder) =>
    h('input', {
      key: name,
      name,
      value: get(name),
      placeholder,
      'aria-label': label,
      spellcheck: 'false',
      autocomplete: 'off',
      onchange: (event) => filter({[name]: event.target.value.trim()}),
    });
  const choice = (name, label, options) =>
    h(
      'select',
      {
        key: name,
        name,
        'aria-label': label,
        value: get(name),
        onchange: (event) => filter({[name]: event.target.value}),
      },
      h('option', {value: ''}, `any ${label.toLowerCase()}`),
      options.map((option) => h('option', {value: option, selected: get(name) === option}, option)),
    );
  const active = FILTERS.some(({name}) => get(name)) || get('from');
  return h(
    'form.filters',
    {role: 'search', 'aria-label': 'Filter the events', onsubmit: (event) => event.preventDefault()},
    choice('type', 'Type', TYPES),
    choice('status', 'Status', ['ACTIVE', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED']),
    field('customer', 'Customer', 'customer'),
    field('sku', 'Article', 'article'),
    field('order', 'Order', 'order id'),
    h(
      'label.check',
      h('input', {
        type: 'checkbox',
        checked: get('from') === 'earliest',
        onchange: (event) => filter({from: event.target.checked ? 'earliest' : undefined}),
      }),
      'from the beginning of the feed',
    ),
    active &&
      h(
        'button',
        {
          type: 'button',
          onclick: () =>
            filter(Object.fromEntries([...FILTERS, {name: 'from'}].map(({name}) => [name, undefined]))),
        },
        'Clear',
      ),
  );
}

function nothing(place, filter, live) {
  if (live.state === 'connecting') return empty('Connecting to the stream, at most a few seconds.');
  if (live.problem) return problem(live.problem);
  return h(
    'div.empty',
    h('p', 'No event has come since this page was opened.'),
    !place.query.get('from') &&
      !place.query.get('order') &&
      h(
        'button',
        {type: 'button', onclick: () => filter({from: 'earliest'})},
        'Show what the feed still holds',
      ),
    h('p', 'This command makes some:'),
    h(
      'div.cli',
      h('code', 'orderflow demo --follow'),
      copyButton('orderflow demo --follow', 'Copy the command'),
    ),
  );
}

function table(kept, shown, chosen, select) {
  return h(
    'table.events',
    h(
      'thead',
      h('tr', h('th', 'Time'), h('th', 'Type'), h('th', 'Order'), h('th.num', 'No.'), h('th.what', 'What')),
    ),
    h(
      'tbody',
      kept
        .slice(-shown)
        .reverse()
        .map((event) =>
          h(
            'tr',
            {
              key: event.id,
              'aria-selected': event === chosen ? 'true' : undefined,
              onclick: () => select(event),
            },
            h('td', h('time', {title: exact(event.time)}, clock(event.time))),
            h(
              'td',
              h(
                'button.link',
                {type: 'button', 'aria-label': `${event.type}, show it`},
                typeName(event.type),
              ),
            ),
            h('td', h('code', {title: event.subject}, shortId(event.subject))),
            h('td.num', Number(event.sequence)),
            h('td.what', summary(event.type, event.data)),
          ),
        ),
    ),
  );
}

/** A type of event, with a mark that differs from type to type. */
export function typeName(type) {
  const [domain, fact] = type.split('.');
  return h(
    'span.event-type',
    {class: `t-${fact}`},
    h('i', {'aria-hidden': 'true'}),
    h('span.dim', `${domain}.`),
    fact,
  );
}

const META = [
  'id',
  'commandid',
  'correlationid',
  'causationid',
  'traceparent',
  'source',
  'eventversion',
  'aggregatetype',
];

function detail(event, close) {
  const sequence = Number(event.sequence);
  return h(
    'aside.panel.detail',
    {'aria-label': 'The event', key: event.id},
    h(
      'div.title-row',
      h('h2', typeName(event.type)),
      h(
        'button.push',
        {type: 'button', onclick: close, 'aria-label': 'Close the event', title: 'keyboard: Esc'},
        '✕',
      ),
    ),
    h('p', when(event.time), h('span.dim', ` · ${exact(event.time)}`)),
    h(
      'p',
      'event ',
      h('strong', sequence),
      ' of order ',
      id(event.subject, `/ui/orders/${event.subject}?at=${sequence}`),
    ),
    h('h3', 'Payload'),
    json(event.data ?? null),
    h(
      'div.actions',
      copyButton(() => asCurl(event.subject, event.type, event.data), '', 'Copy as curl'),
      copyButton(() => asGo(event.type, event.data), '', 'Copy as Go fixture'),
      copyButton(() => JSON.stringify(event, null, 2), '', 'Copy as CloudEvent'),
    ),
    h('h3', 'Metadata'),
    h(
      'dl.meta',
      Object.entries(event)
        .filter(
          ([name]) =>
            META.includes(name) ||
            !['data', 'subject', 'sequence', 'time', 'type', 'specversion', 'datacontenttype'].includes(name),
        )
        .map(([name, value]) => [
          h('dt', {key: `t${name}`}, name),
          h(
            'dd',
            {key: `d${name}`},
            String(value).length > 30 ? id(String(value)) : h('code', String(value)),
          ),
        ]),
    ),
  );
}
