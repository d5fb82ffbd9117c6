// The commands of an order: those that are possible now with a form for each, and why the others
// are refused.

import {h} from './html.js';
import {lacks, send} from './api.js';
import {shellWord} from './eventtext.js';
import {problem, rawLine} from './parts.js';

const COMMANDS = {
  update_items: {label: 'Replace the items', items: true},
  confirm_order: {label: 'Confirm', fields: [['payment_reference', 'Payment reference', 128]]},
  ship_order: {
    label: 'Ship',
    fields: [
      ['carrier', 'Carrier', 64],
      ['tracking_number', 'Tracking number', 128],
    ],
  },
  deliver_order: {label: 'Record the delivery', fields: []},
  cancel_order: {label: 'Cancel', fields: [['reason', 'Reason', 500]], danger: true},
};

/** What has been typed into the forms, by order and command, so that a new drawing keeps it. */
const drafts = new Map();

/**
 * Describes the commands as GET /v1/orders/{id}/commands tells them; now is the state of the order.
 */
export function commandPanel(possible, now, done, place) {
  const known = possible.commands.filter((c) => COMMANDS[c.command]);
  const can = known.filter((c) => c.possible);
  const cannot = known.filter((c) => !c.possible);
  return [
    h('h2', 'Possible now'),
    can.length === 0 && h('p.note', 'Nothing: the life of this order has ended.'),
    can.map((c) => commandForm(c, possible, now, done, place)),
    cannot.length > 0 && h('h2.refused', 'Refused now'),
    h(
      'ul.refusals',
      cannot.map((c) =>
        h(
          'li',
          {key: c.command},
          h('strong', COMMANDS[c.command].label),
          h('span', c.detail),
          h('code.dim', c.code),
        ),
      ),
    ),
  ];
}

function draftOf(key, command, now) {
  if (!drafts.has(key)) {
    const items = COMMANDS[command].items && now ? now.items.map((item) => ({...item})) : undefined;
    if (COMMANDS[command].items && !items) return {values: {}, items: []};
    drafts.set(key, {values: {}, items, id: crypto.randomUUID?.()});
  }
  return drafts.get(key);
}

function commandForm(c, possible, now, done, place) {
  const {label, fields = [], items, danger} = COMMANDS[c.command];
  const key = `${possible.order_id} ${possible.sequence_number} ${c.command}`;
  const draft = draftOf(key, c.command, now);
  const body = items
    ? {items: draft.items}
    : Object.fromEntries(fields.map(([name]) => [name, draft.values[name] ?? '']));
  const complete = items
    ? draft.items.length > 0
    : fields.every(([name]) => (draft.values[name] ?? '').trim() !== '');
  const refused = lacks('orders:write');
  const line = JSON.stringify({command: c.command, order_id: possible.order_id, ...body});

  async function submit(event) {
    event.preventDefault();
    draft.problem = undefined;
    draft.sent = true;
    place.changed();
    try {
      // The order must be as it is shown, and a second press is the same command.
      await send(c.method, c.path, body, {
        headers: {
          'If-Match': `"${possible.sequence_number}"`,
          ...(draft.id && {'Idempotency-Key': draft.id}),
        },
      });
      drafts.delete(key);
      done();
    } catch (p) {
      draft.problem = p;
      if (p.status === 412) done();
    }
    draft.sent = false;
    place.changed();
  }

  return h(
    'details.command',
    {key: c.command},
    h('summary', label),
    h(
      'form',
      {onsubmit: submit},
      fields.map(([name, text, most]) =>
        h(
          'label',
          {key: name},
          text,
          h('input', {
            name,
            value: draft.values[name] ?? '',
            maxlength: most,
            autocomplete: 'off',
            oninput: (event) => {
              draft.values[name] = event.target.value;
              place.changed();
            },
          }),
        ),
      ),
      items && itemEditor(draft, now, place),
      draft.problem && problem(draft.problem),
      refused && h('p.note', refused),
      h(
        'button',
        {class: danger ? 'danger' : 'primary', disabled: !complete || draft.sent || refused !== undefined},
        draft.sent ? 'Sent, at most 10 s' : label,
      ),
      rawLine(`echo ${shellWord(line)} | orderflow submit -`),
    ),
  );
}

function itemEditor(draft, now, place) {
  const change = (i, name, text) => {
    draft.items[i] = {...draft.items[i], [name]: name === 'sku' ? text : Number(text)};
    place.changed();
  };
  const field = (item, i, name, label, type) =>
    h('input', {
      name: `${name}${i}`,
      type,
      'aria-label': `${label} of line ${i + 1}`,
      value: String(item[name]),
      min: type === 'number' ? 0 : undefined,
      oninput: (event) => change(i, name, event.target.value),
    });
  return h(
    'div.items',
    h(
      'div.item.head',
      {'aria-hidden': 'true'},
      h('span', 'Article'),
      h('span', 'Quantity'),
      h('span', `Price, minor units of ${now?.currency ?? ''}`),
    ),
    draft.items.map((item, i) =>
      h(
        'div.item',
        {key: i},
        field(item, i, 'sku', 'Article', 'text'),
        field(item, i, 'quantity', 'Quantity', 'number'),
        field(item, i, 'unit_price', 'Price', 'number'),
        h(
          'button',
          {
            type: 'button',
            'aria-label': `Remove line ${i + 1}`,
            onclick: () => {
              draft.items.splice(i, 1);
              place.changed();
            },
          },
          '✕',
        ),
      ),
    ),
    h(
      'button',
      {
        type: 'button',
        onclick: () => {
          draft.items.push({sku: '', quantity: 1, unit_price: 0});
          place.changed();
        },
      },
      'Add a line',
    ),
  );
}
