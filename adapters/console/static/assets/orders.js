// The Orders page: the lists by customer, status and article, and the way to one order by its id.

import {h} from './html.js';
import {count, money} from './format.js';
import {consumers} from './model.js';
import {Paged} from './paged.js';
import {asOf, empty, id, problem, state, status, waiting, when} from './parts.js';
import {figureOfLag} from './consumers.js';

const STATUSES = ['ACTIVE', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED'];
const PAGE = 50;

/** The lists: the parameter of this page, the path, and the consumer that keeps the list. */
const LISTS = {
  customer: {
    consumer: 'orders-by-customer',
    path: (key) => `/v1/customers/${encodeURIComponent(key)}/orders?limit=${PAGE}`,
  },
  sku: {consumer: 'orders-by-sku', path: (key) => `/v1/orders?sku=${encodeURIComponent(key)}&limit=${PAGE}`},
  status: {
    consumer: 'orders-by-status',
    path: (key) => `/v1/orders?status=${encodeURIComponent(key)}&limit=${PAGE}`,
  },
};

export function orders(place) {
  let listing;

  const by = () => Object.keys(LISTS).find((name) => place.query.get(name)) ?? 'status';
  const key = () => place.query.get(by()) ?? 'ACTIVE';

  function load() {
    listing?.stop();
    listing = new Paged(LISTS[by()].path(key()), 'orders', 'order_id', place.changed);
    place.changed();
  }

  function choose(name, value) {
    place.setQuery({customer: undefined, sku: undefined, status: undefined, [name]: value});
    load();
  }

  load();
  return {
    title: 'Orders',
    leave: () => listing.stop(),
    view() {
      const list = listing.entries;
      return [
        h('div.title-row', h('h1', 'Orders'), asOf(listing.first), behind(LISTS[by()].consumer)),
        h(
          'div.toolbar',
          searches(place, choose),
          h(
            'div.tabs',
            {role: 'group', 'aria-label': 'Status'},
            STATUSES.map((one) =>
              h(
                'button',
                {
                  key: one,
                  type: 'button',
                  'aria-pressed': String(by() === 'status' && key() === one),
                  onclick: () => choose('status', one),
                },
                one,
              ),
            ),
          ),
        ),
        !listing.first.data && waiting(listing.first),
        listing.first.data &&
          list.length === 0 &&
          empty(
            `There is no order ${nameOfList(by(), key())}. This command places some:`,
            'demo --orders 200',
          ),
        list.length > 0 && h('div.panel.scroll-x.list', table(list, by())),
        listing.failure && problem(listing.failure, listing.older),
        list.length > 0 &&
          h(
            'div.title-row',
            h('span.note', `${count(list.length)} shown, newest first`),
            listing.next && listing.button(),
          ),
      ];
    },
  };
}

function nameOfList(by, key) {
  return by === 'status' ? `in status ${key}` : `of ${by === 'sku' ? 'article' : 'customer'} ${key}`;
}

// A list is as far behind as the consumer that keeps it.
function behind(name) {
  const c = consumers.data?.consumers.find((one) => one.name === name);
  return h(
    'span.note',
    'kept by ',
    h('a', {href: `/ui/consumers/${name}`}, name),
    ': ',
    c ? [figureOfLag(c), ' ', c.state !== 'running' && state(c.state)] : h('span.unknown', 'lag unknown'),
  );
}

function searches(place, choose) {
  const field = (name, label) =>
    h('input', {
      key: name,
      name,
      placeholder: label,
      'aria-label': label,
      value: place.query.get(name) ?? '',
      autocomplete: 'off',
      spellcheck: 'false',
      onchange: (event) => {
        if (event.target.value.trim()) choose(name, event.target.value.trim());
      },
    });
  return h(
    'form.filters',
    {role: 'search', 'aria-label': 'Find orders', onsubmit: (event) => event.preventDefault()},
    h('input', {
      key: 'id',
      name: 'order',
      placeholder: 'order id',
      'aria-label': 'Order id',
      autocomplete: 'off',
      spellcheck: 'false',
      value: '',
      onchange: (event) => {
        if (event.target.value.trim())
          place.go(`/ui/orders/${encodeURIComponent(event.target.value.trim())}`);
      },
    }),
    field('customer', 'customer'),
    field('sku', 'article'),
  );
}

function table(list, by) {
  return h(
    'table.orders',
    h(
      'thead',
      h(
        'tr',
        h('th', 'Order'),
        h('th', 'Status'),
        h('th', 'Customer'),
        h('th.num', by === 'sku' ? 'Line' : 'Total'),
        h('th.num', 'Events'),
        h('th', 'Created'),
        h('th', 'Last event'),
      ),
    ),
    h(
      'tbody',
      list.map((o) =>
        h(
          'tr',
          {key: o.order_id},
          h('td', id(o.order_id, `/ui/orders/${o.order_id}`)),
          h('td', status(o.status)),
          h('td', h('a', {href: `/ui/orders?customer=${encodeURIComponent(o.customer_id)}`}, o.customer_id)),
          h(
            'td.num',
            o.line
              ? `${count(o.line.quantity)} × ${money(o.line.unit_price, o.currency)}`
              : money(o.total, o.currency),
          ),
          h('td.num', count(o.sequence_number)),
          h('td', when(o.created_at)),
          h('td', when(o.updated_at)),
        ),
      ),
    ),
  );
}
