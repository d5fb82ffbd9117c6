// The page of one consumer: how it is, and everything that can be done with it.

import {h} from './html.js';
import {lacks, path, post} from './api.js';
import {count, duration, plural, rate} from './format.js';
import {consumers, history, trouble} from './model.js';
import {
  asOf,
  commandLine,
  confirmDialog,
  empty,
  figure,
  id,
  problem,
  sparkline,
  state,
  toast,
  waiting,
  when,
} from './parts.js';
import {figureOfLag} from './consumers.js';
import {UNFINISHED, rebuildStatus} from './rebuild.js';

export function consumer(place) {
  const name = place.params.name;
  const acts = {busy: undefined, problem: undefined};

  // One act at a time. What it answers stays on the page until the next one.
  async function act(label, send) {
    acts.busy = label;
    acts.problem = undefined;
    place.changed();
    try {
      const answer = await send();
      toast(`${label}: accepted`);
      return answer;
    } catch (p) {
      acts.problem = p;
      return undefined;
    } finally {
      acts.busy = undefined;
      await consumers.refresh();
      place.changed();
    }
  }

  return {
    title: name,
    view() {
      const heading = h('div.title-row', h('h1', name), asOf(consumers));
      if (!consumers.data) return [heading, waiting(consumers)];
      const c = consumers.data.consumers.find((one) => one.name === name);
      if (!c)
        return [heading, empty('There is no consumer of this name. This command lists them:', 'consumers')];
      const wrong = trouble(c);
      return [
        h(
          'div.title-row',
          h('a', {href: '/ui/consumers'}, 'Consumers'),
          h('h1', name),
          state(c.state),
          asOf(consumers),
        ),
        wrong &&
          h(
            'div.notice',
            {class: wrong.level},
            h('p', h('strong', `${name} ${wrong.what}`)),
            h('p', wrong.href ? h('a', {href: wrong.href}, wrong.todo) : wrong.todo),
          ),
        acts.problem && problem(acts.problem),
        charts(c),
        h(
          'div.two',
          h('section.panel', h('h2', 'Figures'), counters(c)),
          c.failure && h('section.panel', h('h2', 'Failure'), failure(c.failure)),
        ),
        c.rebuild && h('section.panel', rebuildStatus(c.rebuild, differences)),
        h('section.panel', h('h2', 'What you can do'), actions(c, acts, act)),
      ];
    },
  };
}

function charts(c) {
  const kept = history(c.name);
  const chart = (title, now, series, note) =>
    h(
      'section.tile',
      {'aria-label': title},
      h('h2', title),
      h('p.big', figure(now)),
      h('p.note', note),
      sparkline(series, {height: 60, label: `${title} in the last five minutes`}),
    );
  const most = kept.age.most;
  return h(
    'div.figures.charts',
    chart(
      'Waiting events',
      c.lag.known ? count(c.lag.events) : 'unknown',
      kept.events,
      c.lag.error ?? figureOfLag(c),
    ),
    chart(
      'Behind',
      c.lag.known ? duration(c.lag.age_seconds) : 'unknown',
      kept.age,
      most === undefined ? 'nothing known in five minutes' : `at most ${duration(most)} in five minutes`,
    ),
    chart('Handled', rate(kept.rate.last), kept.rate, 'events a second'),
    h(
      'section.tile',
      h('h2', 'Headroom'),
      h('p.big', figure(c.lag.headroom_seconds === undefined ? 'unknown' : duration(c.lag.headroom_seconds))),
      h('p.note', 'until the feed drops what waits'),
    ),
  );
}

const COUNTERS = [
  ['handled', 'Handled', 'events that had their effect'],
  ['duplicates', 'Duplicates', 'came again and were dropped'],
  ['healed', 'Healed', 'the feed lost them; read from the event store'],
  ['retries', 'Retries', 'attempts that failed'],
  ['expired', 'Expired', 'times the feed did not keep what was missed'],
  ['reconciled', 'Reconciled', 'orders that the background check found behind'],
  ['foreign', 'Foreign', 'records that are no events'],
];

function counters(c) {
  return [
    h('p.note', 'Since the process started.'),
    h(
      'table.counters',
      h(
        'tbody',
        COUNTERS.map(([name, label, text]) =>
          h('tr', {key: name}, h('th', label), h('td.num', count(c[name])), h('td.note', text)),
        ),
        h(
          'tr',
          h('th', 'Generation'),
          h('td.num', c.live.number > 0 ? count(c.live.number) : '–'),
          h(
            'td.note',
            `version ${c.live.version}${c.previous ? `; ${c.previous.number} can be rolled back to` : ''}`,
          ),
        ),
        h(
          'tr',
          h('th', 'Runs'),
          h('td.num', c.holder ? 'there' : 'here'),
          h('td.note', c.holder ? c.holder.address : 'in this process'),
        ),
      ),
    ),
  ];
}

function failure(f) {
  return [
    h('p.error-text', f.error),
    h(
      'dl.meta',
      f.kind && [h('dt', 'kind'), h('dd', f.kind)],
      f.aggregate_id && [
        h('dt', 'order'),
        h(
          'dd',
          id(f.aggregate_id, `/ui/orders/${f.aggregate_id}?at=${f.sequence_number}`),
          ` event ${f.sequence_number}`,
        ),
      ],
      h('dt', 'attempts'),
      h('dd', count(f.attempts)),
      h('dt', 'since'),
      h('dd', when(f.since)),
    ),
  ];
}

/** What a comparison has found. */
export function differences(report) {
  return [
    h(
      'p',
      `${plural(report.orders, 'order')}, ${plural(report.events, 'event')} and ${plural(report.rows, 'row')} compared: `,
      h(
        'strong',
        {class: report.differences > 0 ? 'bad-text' : ''},
        report.differences === 0 ? 'no difference' : plural(report.differences, 'difference'),
      ),
      report.skipped > 0 && `, ${plural(report.skipped, 'event')} skipped by decision`,
      report.repaired > 0 && `, ${plural(report.repaired, 'order')} repaired`,
      '.',
    ),
    report.shown?.length > 0 &&
      h(
        'div.scroll-x',
        h(
          'table.differences',
          h('thead', h('tr', h('th', 'Order'), h('th', 'Consumer'), h('th', 'What is wrong'))),
          h(
            'tbody',
            report.shown.map((d, i) =>
              h(
                'tr',
                {key: i},
                h('td', d.aggregate_id ? id(d.aggregate_id, `/ui/orders/${d.aggregate_id}`) : '–'),
                h('td', d.consumer ?? 'the history itself'),
                h('td', d.detail),
              ),
            ),
          ),
        ),
      ),
    report.differences > (report.shown?.length ?? 0) &&
      h('p.note', `The first ${report.shown?.length ?? 0} are shown.`),
  ];
}

function actions(c, acts, act) {
  const base = path`/v1/consumers/${c.name}`;
  const rebuilding = c.rebuild && UNFINISHED.includes(c.rebuild.phase);
  const refused = lacks('ops:write');
  const action = (key, label, text, line, possible, run, primary) => {
    const allowed = refused ?? possible;
    return h(
      'div.action',
      {key},
      h(
        'button',
        {
          type: 'button',
          class: primary ? 'primary' : '',
          disabled: allowed !== true || acts.busy !== undefined,
          onclick: run,
        },
        acts.busy === label ? `${label}: sent, at most 10 s` : label,
      ),
      h('p.note', allowed === true ? text : allowed),
      commandLine(line),
    );
  };
  return h(
    'div.actions-grid',
    c.state === 'paused' || c.state === 'failed'
      ? action(
          'resume',
          'Resume',
          'It continues where it was.',
          `consumers resume ${c.name}`,
          true,
          () => act('Resume', () => post(`${base}/resume`)),
          true,
        )
      : action(
          'pause',
          'Pause',
          'It finishes what is in flight and stays paused, also over restarts. Its queue grows.',
          `consumers pause ${c.name}`,
          true,
          () => act('Pause', () => post(`${base}/pause`)),
        ),
    action(
      'reset',
      'Reset …',
      'It goes to another place in the history. What would happen is shown first.',
      `consumers reset ${c.name} --to=begin --dry-run`,
      true,
      () => reset(c, base, act),
    ),
    action(
      'rebuild',
      'Rebuild',
      'A new generation is filled beside the live one, compared, and switched to. Queries keep working.',
      `consumers rebuild ${c.name}`,
      c.name.endsWith('-publisher') ? 'A publisher has no view.' : true,
      () => act('Rebuild', () => post(`${base}/rebuild`, {})),
    ),
    action(
      'abort',
      'End the rebuild',
      'What it has filled is dropped. The live generation stays.',
      `consumers rebuild ${c.name} --abort`,
      rebuilding ? true : 'No rebuild is in progress.',
      () => act('End the rebuild', () => post(`${base}/rebuild/abort`)),
    ),
    action(
      'rollback',
      'Roll back',
      `Generation ${c.previous?.number} is brought up to date and becomes live again.`,
      `consumers rebuild ${c.name} --rollback`,
      c.previous ? true : 'There is no previous generation.',
      () => rollback(c, base, act),
    ),
  );
}

function generation(g) {
  return `generation ${g.number} (version ${g.version})`;
}

async function rollback(c, base, act) {
  const answer = await confirmDialog({
    title: `Roll back ${c.name}`,
    typed: c.name,
    act: 'Roll back',
    line: `consumers rebuild ${c.name} --rollback`,
    consequence: `${generation(c.previous)} replaces ${generation(c.live)} after it has caught up.`,
  });
  if (answer) await act('Roll back', () => post(`${base}/rollback`));
}

// First where to, then what would happen, then the name. The dry run asks the API; nothing is done.
async function reset(c, base, act) {
  const where = await confirmDialog({
    title: `Reset ${c.name}`,
    act: 'Show what would happen',
    danger: false,
    fields: [
      {
        name: 'from',
        label: 'Continue from: begin, now, or a time such as 2026-03-01T12:00:00Z',
        value: 'begin',
      },
    ],
    line: (values) => `consumers reset ${c.name} --to=${values.from} --dry-run`,
  });
  if (!where) return;
  const dry = await act('Dry run', () => post(`${base}/reset`, {from: where.from.trim(), dry_run: true}));
  if (!dry) return;
  const answer = await confirmDialog({
    title: `Reset ${c.name} to ${where.from}`,
    consequence: dry.consequence,
    typed: c.name,
    act: 'Reset',
    line: `consumers reset ${c.name} --to=${where.from} --force`,
  });
  if (answer) await act('Reset', () => post(`${base}/reset`, {from: where.from.trim(), force: true}));
}
