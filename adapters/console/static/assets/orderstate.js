// The state of an order at a moment, with what the last event has changed.

import {h} from './html.js';
import {count, money} from './format.js';
import {status} from './parts.js';

const FIELDS = [
  ['status', 'Status'],
  ['customer_id', 'Customer'],
  ['payment_reference', 'Payment'],
  ['carrier', 'Carrier'],
  ['tracking_number', 'Tracking number'],
  ['cancel_reason', 'Cancelled because'],
];

/** Describes the state after an event; before is the state that the event found, {} for none. */
export function stateView(before, after) {
  return [
    h(
      'dl.state-fields',
      FIELDS.filter(([name]) => after[name] || before[name]).map(([name, label]) => {
        const shown = (value) => (name === 'status' ? status(value) : value);
        const changed = before[name] !== after[name];
        return h(
          'div',
          {key: name, class: changed ? 'changed' : ''},
          h('dt', label),
          h(
            'dd',
            changed && before[name] && h('del', shown(before[name])),
            ' ',
            h(changed ? 'ins' : 'span', shown(after[name])),
          ),
        );
      }),
    ),
    lines(before, after),
  ];
}

function lines(before, after) {
  const rows = changes(before.items ?? [], after.items ?? []);
  const amount = (line) => line && line.quantity * line.unit_price;
  return h(
    'table.lines',
    h(
      'thead',
      h('tr', h('th', 'Article'), h('th.num', 'Quantity'), h('th.num', 'Price'), h('th.num', 'Amount')),
    ),
    h(
      'tbody',
      rows.map(({sku, was, is}) =>
        h(
          'tr',
          {key: sku, class: !was ? 'added' : !is ? 'removed' : ''},
          h(
            'td',
            h('span.mark', {'aria-hidden': 'true'}, !was ? '+' : !is ? '−' : ''),
            h('span.hidden', !was ? 'added ' : !is ? 'removed ' : ''),
            h('code', sku),
          ),
          h('td.num', difference(was?.quantity, is?.quantity, count)),
          h(
            'td.num',
            difference(was?.unit_price, is?.unit_price, (n) => money(n, after.currency)),
          ),
          h(
            'td.num',
            difference(amount(was), amount(is), (n) => money(n, after.currency)),
          ),
        ),
      ),
    ),
    h(
      'tfoot',
      h(
        'tr',
        h('th', 'Total'),
        h('td'),
        h('td'),
        h(
          'td.num',
          difference(before.total, after.total, (n) => money(n, after.currency)),
        ),
      ),
    ),
  );
}

// A value that has changed shows what it was. On a line that came or went there is only one.
function difference(was, is, format) {
  if (was === undefined || is === undefined || was === is) return format(is ?? was);
  return [h('del', format(was)), ' ', h('ins', format(is))];
}

/**
 * The lines of both states in the order of the later one; a line that is gone follows at the end.
 */
export function changes(before, after) {
  const was = new Map(before.map((line) => [line.sku, line]));
  const rows = after.map((is) => ({sku: is.sku, was: was.get(is.sku), is}));
  const kept = new Set(after.map((line) => line.sku));
  return [
    ...rows,
    ...before.filter((line) => !kept.has(line.sku)).map((line) => ({sku: line.sku, was: line})),
  ];
}
