// The System page: what the process is, whether it can work, and its settings.

import {h} from './html.js';
import {count, exact} from './format.js';
import {consumers} from './model.js';
import {asOf, commandLine, id, waiting, when} from './parts.js';
import {Watched} from './watch.js';

export function system(place) {
  const watched = new Watched('/v1/system', 5000);
  const health = new Watched('/readyz', 5000);
  const stops = [watched, health].map((one) => one.listen(place.changed));
  return {
    title: 'System',
    leave() {
      for (const stop of stops) stop();
    },
    view() {
      const heading = h('div.title-row', h('h1', 'System'), asOf(watched));
      if (!watched.data) return [heading, waiting(watched)];
      const s = watched.data;
      const only = place.query.get('changed') === 'yes';
      const settings = only ? s.settings.filter((one) => one.source !== 'default') : s.settings;
      return [
        heading,
        h(
          'div.two',
          h(
            'section.panel.readiness',
            h('h2', 'Readiness'),
            readiness(s),
            notes(s, health),
            commandLine('consumers --check'),
          ),
          h('section.panel', h('h2', 'Process'), processFacts(s)),
        ),
        h(
          'p.note',
          'Who has done what to the service is in the ',
          h('a', {href: '/ui/operations'}, 'log of operations'),
          '.',
        ),
        h('section.panel', h('h2', 'Where the consumers run'), holders()),
        h(
          'section.panel',
          h(
            'div.title-row',
            h('h2', 'Settings'),
            h(
              'span.note',
              'A flag wins over the environment, and that over the configuration file. Secrets are masked.',
            ),
            h(
              'label.check.push',
              h('input', {
                type: 'checkbox',
                checked: only,
                onchange: (event) => place.setQuery({changed: event.target.checked ? 'yes' : undefined}),
              }),
              'only what was set',
            ),
          ),
          settings.length === 0 ? h('p.note', 'Every setting has its default.') : table(settings),
        ),
        h(
          'p.note',
          h('a', {href: '/metrics'}, 'metrics'),
          ' · ',
          h('a', {href: '/openapi.json'}, 'openapi.json'),
          ' · ',
          h('a', {href: '/asyncapi.yaml'}, 'asyncapi.yaml'),
        ),
      ];
    },
  };
}

function readiness(s) {
  if (s.ready) return h('p', 'The service can do its work.');
  return h(
    'div.notice.bad',
    h('p', h('strong', 'The service is not ready')),
    s.reasons.split('\n').map((reason, i) => h('p', {key: i}, reason)),
  );
}

// What should be different although the service works, such as the setup of the database. The
// server tells it only while it is ready.
function notes(s, health) {
  if (health.problem)
    return h(
      'p.note',
      h('span.unknown', 'unknown'),
      ' whether something should be set up differently: ',
      health.problem.message,
    );
  if (!health.data) return waiting(health);
  const all = health.data.notes ?? [];
  if (all.length === 0) return h('p.note', 'Nothing is noted that should be set up differently. ', asOf(health));
  return h(
    'div.notice.warn',
    h('p', h('strong', 'It works, but this should be set up differently')),
    h(
      'ul.notes',
      all.map((text, i) => h('li', {key: i}, text)),
    ),
    s.store.kind === 'scylla' && commandLine('schema status'),
    asOf(health),
  );
}

function processFacts(s) {
  return h(
    'dl.meta.roomy',
    h('dt', 'version'),
    h('dd', h('code', s.version)),
    h('dt', 'started'),
    h('dd', when(s.started_at), h('span.note', ` · ${exact(s.started_at)}`)),
    h('dt', 'clock'),
    h('dd', exact(s.now)),
    h('dt', 'store'),
    h('dd', s.store.kind),
    h('dt', 'place'),
    h('dd', h('code', s.store.place)),
    h('dt', 'store id'),
    h('dd', s.store.id ? id(s.store.id) : h('span.unknown', 'unknown')),
    h('dt', 'address'),
    h('dd', h('code', location.host)),
  );
}

// A consumer runs in the process that holds its lease.
function holders() {
  const all = consumers.data?.consumers;
  if (!all) return waiting(consumers);
  const there = all.filter((c) => c.holder);
  if (there.length === 0) return h('p.note', `All ${count(all.length)} run in this process.`);
  return h(
    'table',
    h(
      'tbody',
      all.map((c) =>
        h(
          'tr',
          {key: c.name},
          h('th', c.name),
          h('td', c.holder ? c.holder.address : 'in this process'),
          h('td', c.holder ? id(c.holder.id) : ''),
        ),
      ),
    ),
  );
}

function table(settings) {
  return h(
    'div.scroll-x',
    h(
      'table.settings',
      h('thead', h('tr', h('th', 'Setting'), h('th', 'Value'), h('th', 'From'))),
      h(
        'tbody',
        settings.map((one) =>
          h(
            'tr',
            {key: one.name, class: one.source === 'default' ? '' : 'set'},
            h('td', h('code', one.name)),
            h('td', one.value === '' ? h('span.dim', 'none') : h('code', one.value)),
            h('td', one.source === 'default' ? h('span.dim', 'default') : h('code', one.source)),
          ),
        ),
      ),
    ),
  );
}
