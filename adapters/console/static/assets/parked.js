// The Parked page: what consumers could not handle, grouped by cause, and what to do with it.

import {h} from './html.js';
import {get, lacks, path, post} from './api.js';
import {count, plural} from './format.js';
import {consumers} from './model.js';
import {asOf, commandLine, confirmDialog, empty, id, problem, toast, waiting, when} from './parts.js';
import {Watched} from './watch.js';

/** Who has to act, by the kind of a failure. */
const KINDS = {
  undecodable: 'This version of the program cannot read the event. Run one that can, then retry.',
  newer: 'A newer version of the program wrote the event. A process of it continues by itself.',
  store: 'The store refuses the effect. Remove the cause, then retry.',
  refused: 'The target of the publisher refuses the event. Remove the cause, then retry.',
  bug: 'The program has a fault. Run a version without it, then retry.',
};

export function parked(place) {
  const groups = new Watched(readGroups, 5000);
  const skips = new Watched(readSkips, 10_000);
  const stops = [groups.listen(place.changed), skips.listen(place.changed)];
  const opened = new Map();
  const results = new Map();
  let busy;

  function open(key) {
    if (opened.has(key)) {
      opened.delete(key);
      place.changed();
      return;
    }
    const [consumer, fingerprint] = key.split(' ');
    const members = new Watched((options) => readMembers(consumer, fingerprint, options));
    opened.set(key, {members, stop: members.listen(place.changed), waiting: new Map()});
    place.changed();
  }

  // The answer of an act stays beside the group that it was about.
  async function act(key, label, send) {
    busy = key;
    results.set(key, {label});
    place.changed();
    try {
      results.set(key, {label, answer: (await send()) ?? {}});
    } catch (p) {
      results.set(key, {label, problem: p});
    }
    busy = undefined;
    groups.refresh();
    skips.refresh();
    consumers.refresh();
    opened.get(key)?.members.refresh();
    place.changed();
  }

  return {
    title: 'Parked',
    leave() {
      for (const stop of stops) stop();
      for (const {stop} of opened.values()) stop();
    },
    view() {
      const only = place.query.get('consumer');
      const shown = (groups.data ?? []).filter((g) => !only || g.consumer === only);
      return [
        h(
          'div.title-row',
          h('h1', 'Parked'),
          asOf(groups),
          only && h('span.note', `of ${only} only. `, h('a', {href: '/ui/parked'}, 'Show all')),
        ),
        h(
          'p.note',
          'When an event cannot be handled, its order waits for that consumer. All other orders flow.',
        ),
        mayNot() && h('p.note.refused', {key: 'refused'}, lacks('ops:write')),
        !groups.data && waiting(groups),
        groups.data &&
          shown.length === 0 &&
          empty('No order is parked. This command says the same:', 'parked ls'),
        [...results]
          .filter(([key]) => !shown.some((g) => keyOf(g) === key))
          .map(([key, r]) => h('div.panel', {key: `r${key}`}, result(r))),
        shown.map((g) =>
          group(g, {opened: opened.get(keyOf(g)), busy, result: results.get(keyOf(g)), open, act, place}),
        ),
        h('h2', 'Skipped by decision'),
        skipped(skips, act, results.get('skips')),
      ];
    },
  };
}

/** Whether the visitor may only look. The page says why once, above the buttons. */
const mayNot = () => lacks('ops:write') !== undefined;

const keyOf = (g) => `${g.consumer} ${g.fingerprint}`;

// The groups of all consumers that have parked something, oldest first.
async function readGroups(options) {
  const {consumers: all} = await get('/v1/consumers', options);
  const pages = await Promise.all(
    all
      .filter((c) => c.parked > 0)
      .map(async (c) => {
        const {groups} = await get(path`/v1/consumers/${c.name}/parked-groups`, options);
        return groups.map((g) => ({...g, consumer: c.name}));
      }),
  );
  return pages.flat().sort((a, b) => a.oldest.localeCompare(b.oldest));
}

function skipConsequence(g, p) {
  const until = 'in a rebuild neither, until the skip is taken back';
  return `${g.consumer} will never have the effect of this ${p.event_type}, ${until}. The rest of the order is handled.`;
}

function unskipConsequence(s) {
  const view = `The view of order ${s.aggregate_id} in ${s.consumer} becomes what it is with the event.`;
  return `${view} It is refused where the effect cannot be brought in afterwards.`;
}

// The members of a group, from as many pages as are needed for the first hundred.
async function readMembers(consumer, fingerprint, options) {
  const parked = [];
  let cursor = '';
  do {
    const query = `fingerprint=${fingerprint}&limit=200${cursor}`;
    const page = await get(`${path`/v1/consumers/${consumer}/parked`}?${query}`, options);
    parked.push(...page.parked);
    cursor = page.next_cursor ? `&cursor=${encodeURIComponent(page.next_cursor)}` : '';
  } while (cursor !== '' && parked.length < 100);
  return {parked, next_cursor: cursor};
}

async function readSkips(options) {
  const {consumers: all} = await get('/v1/consumers', options);
  const pages = await Promise.all(
    all.map(async (c) => {
      const {skips} = await get(path`/v1/consumers/${c.name}/skips`, options);
      return skips.map((s) => ({...s, consumer: c.name}));
    }),
  );
  return pages.flat();
}

function group(g, {opened, busy, result: outcome, open, act, place}) {
  const key = keyOf(g);
  const base = path`/v1/consumers/${g.consumer}`;
  const retry = (limit) =>
    act(key, `Retry ${limit ?? 'all'}`, () =>
      post(`${base}/retry-parked?fingerprint=${g.fingerprint}${limit ? `&limit=${limit}` : ''}`, undefined, {
        deadline: 120_000,
      }),
    );
  const button = (label, limit, needs) =>
    h(
      'button',
      {type: 'button', disabled: busy !== undefined || mayNot() || g.aggregates < needs, onclick: () => retry(limit)},
      label,
    );
  return h(
    'section.panel.group',
    {key, 'aria-label': `${g.event_type} in ${g.consumer}`},
    h(
      'div.title-row',
      h(
        'h2',
        h('a', {href: `/ui/consumers/${encodeURIComponent(g.consumer)}`}, g.consumer),
        ' · ',
        g.event_type,
      ),
      h('span.kind', g.kind),
      h('strong.bad-text', plural(g.aggregates, 'order')),
      h('span.note.push', 'oldest ', when(g.oldest), ', newest ', when(g.newest)),
    ),
    h('p.error-text', g.error),
    h('p.note', KINDS[g.kind]),
    h(
      'div.actions',
      button('Retry one', 1, 1),
      g.aggregates > 10 && button('Retry ten', 10, 2),
      g.aggregates > 1 && button(`Retry all ${count(g.aggregates)}`, undefined, 2),
      h(
        'button',
        {type: 'button', 'aria-expanded': String(Boolean(opened)), onclick: () => open(key)},
        opened ? 'Close' : 'Show the orders',
      ),
    ),
    commandLine(`parked retry ${g.consumer} --group=${g.fingerprint}`),
    outcome && result(outcome),
    opened && members(g, opened, {busy, key, act, place}),
  );
}

function result({label, answer, problem: p}) {
  if (p) return problem(p);
  if (!answer) return h('p', {role: 'status'}, `${label}: sent, at most 2 min`);
  const still = answer.still_parked?.length ?? 0;
  if (answer.released === undefined) return h('p.outcome', {role: 'status'}, `${label}: done`);
  return h(
    'p.outcome',
    {role: 'status', class: still > 0 ? 'bad-text' : ''},
    `${label}: ${plural(answer.released, 'order')} released`,
    still > 0 && `, ${count(still)} still parked: ${answer.still_parked[0].error}`,
    answer.not_tried > 0 && `, ${count(answer.not_tried)} not tried`,
    answer.error && `: ${answer.error}`,
  );
}

function members(g, opened, tools) {
  const {members: watched} = opened;
  if (!watched.data) return waiting(watched);
  return h(
    'ol.members',
    watched.data.parked.map((p) => member(g, p, opened, tools)),
    watched.data.next_cursor && h('li.note', 'The first 100 are shown.'),
  );
}

function member(g, p, opened, {busy, key, act, place}) {
  const base = path`/v1/consumers/${g.consumer}/parked/${p.aggregate_id}`;
  const queue = opened.waiting.get(p.aggregate_id);
  async function skip() {
    const answer = await confirmDialog({
      title: `Skip event ${p.sequence_number} of order ${p.aggregate_id}`,
      typed: g.consumer,
      act: 'Skip this event',
      consequence: skipConsequence(g, p),
      fields: [{name: 'reason', label: 'Why may it be missing? The reason is kept.', long: true, most: 500}],
      line: (values) => `parked skip ${g.consumer} ${p.aggregate_id} --reason="${values.reason}"`,
    });
    if (answer)
      await act(key, 'Skip', () =>
        post(`${base}/skip`, {reason: answer.reason, sequence_number: p.sequence_number}),
      );
  }
  async function look() {
    opened.waiting.set(p.aggregate_id, {asking: true});
    place.changed();
    try {
      opened.waiting.set(p.aggregate_id, await get(base));
    } catch (failure) {
      opened.waiting.set(p.aggregate_id, {failure});
    }
    place.changed();
  }
  return h(
    'li',
    {key: p.aggregate_id},
    h(
      'div.title-row',
      id(p.aggregate_id, `/ui/orders/${p.aggregate_id}?at=${p.sequence_number}`),
      h('span', `event ${p.sequence_number}`),
      h(
        'span.note',
        plural(p.attempts, 'attempt'),
        ', parked ',
        when(p.parked_at),
        p.retried_at && [', retried ', when(p.retried_at)],
      ),
      h(
        'span.actions.push',
        h('button', {type: 'button', onclick: look}, 'What waits'),
        h(
          'button',
          {
            type: 'button',
            disabled: busy !== undefined || mayNot(),
            onclick: () => act(key, 'Retry', () => post(`${base}/retry`)),
          },
          'Retry',
        ),
        h('button', {type: 'button', disabled: busy !== undefined || mayNot(), onclick: skip}, 'Skip …'),
      ),
    ),
    p.error !== g.error && h('p.note', p.error),
    queue && waitingEvents(queue),
  );
}

function waitingEvents({asking, failure, waiting: list, waiting_error: error}) {
  if (asking) return h('p.note', {role: 'status'}, 'asking, at most 10 s');
  if (failure) return problem(failure);
  if (error) return h('p.bad-text', error);
  return h(
    'ol.queue-list',
    list.map((e, i) =>
      h(
        'li',
        {key: e.event_id},
        h('span.num', e.sequence_number),
        ' ',
        e.event_type,
        h('span.note', ' ', when(e.created_at), i === 0 ? ', fails' : ', waits'),
      ),
    ),
  );
}

function skipped(watched, act, outcome) {
  if (!watched.data) return waiting(watched);
  if (watched.data.length === 0) return h('p.note', 'No event is skipped.');
  async function unskip(s) {
    const answer = await confirmDialog({
      title: `Take back the skip of event ${s.sequence_number}`,
      act: 'Take it back',
      danger: false,
      consequence: unskipConsequence(s),
      line: `parked unskip ${s.consumer} ${s.aggregate_id} ${s.sequence_number}`,
    });
    if (answer) {
      await act('skips', 'Take back', () =>
        post(path`/v1/consumers/${s.consumer}/unskip`, {
          aggregate_id: s.aggregate_id,
          sequence_number: s.sequence_number,
        }),
      );
      toast('The skip is taken back');
    }
  }
  return h(
    'div.panel.scroll-x.list',
    outcome && result(outcome),
    h(
      'table',
      h(
        'thead',
        h(
          'tr',
          h('th', 'Consumer'),
          h('th', 'Order'),
          h('th.num', 'Event'),
          h('th', 'Reason'),
          h('th', 'Skipped'),
          h('th', ''),
        ),
      ),
      h(
        'tbody',
        watched.data.map((s) =>
          h(
            'tr',
            {key: `${s.consumer} ${s.event_id}`},
            h('td', s.consumer),
            h('td', id(s.aggregate_id, `/ui/orders/${s.aggregate_id}?at=${s.sequence_number}`)),
            h('td.num', s.sequence_number),
            h('td', s.reason),
            h('td', when(s.skipped_at)),
            h('td', h('button', {type: 'button', disabled: mayNot(), onclick: () => unskip(s)}, 'Take back …')),
          ),
        ),
      ),
    ),
  );
}
