// What an event says, in words, as a command for curl and as Go.

import {count, money, plural} from './format.js';

/** The types of events of orders, for the filter. */
export const TYPES = [
  'order.created',
  'order.items_updated',
  'order.confirmed',
  'order.shipped',
  'order.delivered',
  'order.cancelled',
];

/** The sum over lines, in minor units. */
function sum(items) {
  return items.reduce((total, item) => total + item.quantity * item.unit_price, 0);
}

/** What has happened, in a few words. */
export function summary(type, data) {
  switch (type) {
    case 'order.created':
      return `${data.customer_id}, ${plural(data.items.length, 'line')}, ${money(sum(data.items), data.currency)}`;
    case 'order.items_updated':
      return `${plural(data.items.length, 'line')}: ${data.items.map((i) => `${count(i.quantity)} × ${i.sku}`).join(', ')}`;
    default:
      return Object.values(data ?? {})
        .filter((value) => value === null || typeof value !== 'object')
        .map((value) => value ?? 'erased')
        .join(' ');
  }
}

/** Whether personal data of the event was erased. Such a field is null, and others never are. */
export function isErased(event) {
  return Object.values(event.data ?? {}).includes(null);
}

const COMMANDS = {
  'order.created': {method: 'POST', name: 'create_order', path: ''},
  'order.items_updated': {method: 'PUT', name: 'update_items', path: '/items'},
  'order.confirmed': {method: 'POST', name: 'confirm_order', path: '/confirm'},
  'order.shipped': {method: 'POST', name: 'ship_order', path: '/ship'},
  'order.delivered': {method: 'POST', name: 'deliver_order', path: '/deliver'},
  'order.cancelled': {method: 'POST', name: 'cancel_order', path: '/cancel'},
};

/** A text as one word of a shell. */
export function shellWord(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The command that causes an event like this one, for curl. An unknown type gives its history. */
export function asCurl(orderId, type, data) {
  const command = COMMANDS[type];
  if (!command) return `curl -s ${location.origin}/v1/aggregates/${orderId}/explain`;
  const body = command.path === '' ? {order_id: orderId, ...data} : data;
  const path = command.path === '' ? '/v1/orders' : `/v1/orders/${orderId}${command.path}`;
  return [
    `curl -s -X ${command.method} ${location.origin}${path}`,
    `  -H 'Content-Type: application/json'`,
    `  -d ${shellWord(JSON.stringify(body))}`,
  ].join(' \\\n');
}

/** An event as an expression of Go, for the given of a test. */
export function asGo(type, data) {
  const [domain, fact] = type.split('.');
  const name = camel(domain) + camel(fact);
  return `${domain}.${name}{${goFields(domain, data ?? {}, 0)}}`;
}

function goFields(domain, data, depth) {
  const fields = Object.entries(data).map(
    ([name, value]) => `${camel(name)}: ${goValue(domain, name, value, depth)}`,
  );
  return fields.join(', ');
}

function goValue(domain, name, value, depth) {
  if (Array.isArray(value)) {
    const tab = '\t'.repeat(depth + 1);
    const rows = value.map((one) => `${tab}{${goFields(domain, one, depth + 1)}},\n`);
    return `[]${domain}.${camel(name.replace(/s$/, ''))}{\n${rows.join('')}${'\t'.repeat(depth)}}`;
  }
  return value === null ? 'eventsourcing.Erased' : JSON.stringify(value);
}

const INITIALS = {id: 'ID', sku: 'SKU', url: 'URL'};

function camel(name) {
  return name
    .split('_')
    .map((part) => INITIALS[part] ?? part[0].toUpperCase() + part.slice(1))
    .join('');
}
