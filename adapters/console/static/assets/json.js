// A JSON value as a person reads it: in the order in which it came, with its kinds in colours.

import {h} from './html.js';

/** Describes a JSON value. */
export function json(value) {
  return h('pre.json', {tabindex: 0}, node(value, ''));
}

function node(value, indent) {
  if (value === null || typeof value !== 'object') {
    const kind = value === null ? 'null' : typeof value;
    return h(`span.j-${kind}`, JSON.stringify(value) ?? 'undefined');
  }
  const list = Array.isArray(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return list ? '[]' : '{}';
  const inner = `${indent}  `;
  return [
    list ? '[\n' : '{\n',
    entries.map(([name, one], i) => [
      inner,
      !list && [h('span.j-name', JSON.stringify(name)), ': '],
      node(one, inner),
      i < entries.length - 1 ? ',\n' : '\n',
    ]),
    indent + (list ? ']' : '}'),
  ];
}
