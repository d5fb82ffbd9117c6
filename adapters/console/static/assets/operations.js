// The log of operations: who has done what to the service, the newest first.

import {h} from './html.js';
import {count} from './format.js';
import {consumers} from './model.js';
import {Paged} from './paged.js';
import {asOf, commandLine, empty, id, problem, waiting, when} from './parts.js';

export function operations(place) {
  const log = new Paged('/v1/operations?limit=50', 'operations', 'id', place.changed);

  return {
    title: 'Log of operations',
    leave: log.stop,
    view() {
      const heading = [
        h('div.title-row', h('h1', 'Log of operations'), asOf(log.first)),
        h(
          'p.note',
          'Who has done what to the service. An entry is written before the act; ',
          'one that says why it failed follows the entry of the attempt.',
        ),
      ];
      if (!log.first.data) return [heading, waiting(log.first)];
      const {entries} = log;
      if (entries.length === 0)
        return [
          heading,
          empty(
            'Nothing has been done to the service yet. This command makes an entry, and changes nothing ' +
              'while the consumer runs:',
            'consumers resume orders-by-status',
          ),
        ];
      return [
        heading,
        h('div.panel.scroll-x.list', table(entries)),
        log.failure && problem(log.failure, log.older),
        h(
          'div.title-row',
          h('span.note', `${count(entries.length)} shown, newest first`),
          log.next ? log.button() : h('span.note', 'These are all.'),
        ),
        commandLine('operations'),
      ];
    },
  };
}

function table(entries) {
  return h(
    'table.log',
    h(
      'thead',
      h('tr', h('th', 'When'), h('th', 'Who'), h('th', 'What'), h('th', 'To'), h('th', 'Why and how')),
    ),
    h(
      'tbody',
      entries.map((one) =>
        h(
          'tr',
          {key: one.id, class: one.failure ? 'bad' : ''},
          h('td', when(one.at)),
          h('td', one.subject ? h('code', one.subject) : h('span.unknown', 'nobody was asked')),
          h('td', h('strong', one.action)),
          h(
            'td',
            target(one.target),
            one.aggregate_id && h('div', id(one.aggregate_id, `/ui/orders/${one.aggregate_id}`)),
          ),
          h(
            'td.text',
            one.failure && h('p.bad-text', `failed: ${one.failure}`),
            one.reason && h('p', one.reason),
            one.detail && h('p.note', one.detail),
          ),
        ),
      ),
    ),
  );
}

// A target is a consumer or a token; consumers have pages.
function target(name) {
  if (!name) return h('span.dim', 'all');
  const known = consumers.data?.consumers.some((c) => c.name === name);
  return known ? h('a', {href: `/ui/consumers/${encodeURIComponent(name)}`}, name) : name;
}
