// The Verify page: does every view equal the fold of its events, and does the topic hold what the
// event store holds?

import {h} from './html.js';
import {lacks, lines, post} from './api.js';
import {count, duration} from './format.js';
import {consumers} from './model.js';
import {asOf, commandLine, confirmDialog, id, problem, waiting, when} from './parts.js';
import {differences} from './consumer.js';
import {PHASES, UNFINISHED} from './rebuild.js';
import {progressOf} from './progress.js';
import {Watched} from './watch.js';

/** What was found stays while the console is open, with its time. */
const runs = {};

/** What a verification does, by the phase that the API names. */
const DOING = {
  counting: 'counts the orders',
  folding: 'folds the histories',
  'reading rows': 'reads the rows of the views',
  comparing: 'compares what seems to differ',
};

export function verify(place) {
  let timer;
  // How far a verification is, whoever has started it.
  const far = new Watched('/v1/verify', 1000);
  const stop = far.listen(place.changed);

  // A comparison takes as long as there is data. It is shown for how long it has run, and can be
  // ended.
  async function run(name, work) {
    const abort = new AbortController();
    runs[name] = {began: Date.now(), abort};
    timer ??= setInterval(place.changed, 500);
    place.changed();
    if (name === 'views') far.refresh();
    const mine = runs[name];
    try {
      mine.report = await work(abort.signal, mine);
    } catch (p) {
      mine.problem = abort.signal.aborted ? {message: 'It was ended here. Nothing was changed.'} : p;
    }
    mine.ended = Date.now();
    if (name === 'views') far.refresh();
    place.changed();
  }

  const compare = () =>
    run('views', (signal) => post('/v1/verify?patience=10s', undefined, {signal, deadline: 0}));

  async function repair() {
    const answer = await confirmDialog({
      title: 'Repair what differs',
      typed: 'repair',
      act: 'Repair',
      consequence:
        'Every view is compared with the fold of its events. What is behind or wrong is written again. ' +
        'Histories are never changed.',
      line: 'verify --repair',
    });
    if (answer)
      await run('views', (signal) =>
        post('/v1/verify/repair?patience=10s', undefined, {signal, deadline: 0}),
      );
  }

  const audit = () =>
    run('topic', async (signal, mine) => {
      let report;
      await lines(
        '/v1/verify/topic?patience=10s',
        (line) => {
          if (line.progress) mine.progress = line.progress;
          if (line.problem)
            throw Object.assign(new Error(line.problem.detail), {
              code: line.problem.code,
              status: line.problem.status,
            });
          if (line.report) report = line.report;
          place.changed();
        },
        {signal},
      );
      return report;
    });

  return {
    title: 'Verify',
    leave() {
      clearInterval(timer);
      stop();
    },
    view: () => [
      h('h1', 'Verify'),
      h(
        'section.panel.verify',
        {'aria-label': 'Views'},
        h('div.title-row', h('h2', 'Views'), asOf(far)),
        h(
          'p.note',
          'All that is stored is read, while events are written. A difference counts if it is still there after 10 s.',
        ),
        controls(
          runs.views,
          [
            ['Verify', compare, 'primary'],
            ['Repair …', repair, '', lacks('ops:write')],
          ],
          'verify',
        ),
        verification(far),
        runs.views && outcome(runs.views, (report) => differences(report)),
      ),
      h(
        'section.panel.verify',
        {'aria-label': 'Rebuilds'},
        h('div.title-row', h('h2', 'Rebuilds'), asOf(consumers)),
        rebuilds(),
      ),
      h(
        'section.panel.verify',
        {'aria-label': 'Topic'},
        h('h2', 'Topic'),
        h(
          'p.note',
          'The topic is read and compared with the event store: what is missing, out of order or unknown.',
        ),
        controls(runs.topic, [['Verify the topic', audit, 'primary']], 'verify topic'),
        outcome(runs.topic, topicReport),
      ),
    ],
  };
}

// It is about this process: another process has a verification of its own.
function verification(far) {
  if (!far.data) return waiting(far);
  const v = far.data;
  if (!v.running && !v.phase)
    return h('p.note', 'This process has not verified anything since it started.');
  if (!v.running)
    return h(
      'p.note',
      'The last verification of this process began ',
      when(v.started_at),
      ' and has ended.',
    );
  return h(
    'div.far',
    {class: far.problem ? 'old' : ''},
    progressOf(v, {
      phase: DOING[v.phase] ?? v.phase,
      unit: v.phase === 'reading rows' ? 'rows' : 'orders',
      label: 'Progress of the verification',
    }),
  );
}

function rebuilds() {
  if (!consumers.data) return waiting(consumers);
  const all = consumers.data.consumers.filter((c) => c.rebuild && UNFINISHED.includes(c.rebuild.phase));
  if (all.length === 0)
    return [
      h('p.note', 'No view is rebuilt. This command fills a new generation and verifies it before it is used:'),
      commandLine('consumers rebuild orders-by-status'),
    ];
  return all.map((c) =>
    h(
      'div.far',
      {key: c.name, class: consumers.problem ? 'old' : ''},
      h(
        'p',
        h('a', {href: `/ui/consumers/${encodeURIComponent(c.name)}`}, c.name),
        `, generation ${c.rebuild.generation.number}`,
      ),
      c.rebuild.phase === 'refused'
        ? h('p.bad-text', PHASES.refused)
        : progressOf(c.rebuild, {
            phase: PHASES[c.rebuild.phase] ?? c.rebuild.phase,
            unit: 'orders',
            label: `Progress of the rebuild of ${c.name}`,
          }),
      c.rebuild.error && h('p.bad-text', `No progress now: ${c.rebuild.error}. It is retried.`),
    ),
  );
}

function controls(state, buttons, line) {
  const running = state && !state.ended;
  return [
    h(
      'div.actions',
      buttons.map(([label, act, kind, refused]) =>
        h(
          'button',
          {
            key: label,
            type: 'button',
            class: kind ?? '',
            disabled: running || refused !== undefined,
            title: refused,
            onclick: act,
          },
          label,
        ),
      ),
      running && h('button', {type: 'button', onclick: () => state.abort.abort()}, 'End it'),
    ),
    buttons.map(([label, , , refused]) => refused && h('p.note', {key: `why ${label}`}, `${label} ${refused}`)),
    commandLine(line),
  ];
}

function outcome(state, show) {
  if (!state) return h('p.note', 'It has not run since this page was loaded.');
  if (!state.ended) {
    const {progress} = state;
    return h(
      'div',
      {role: 'status'},
      h('p', `This page waits for the report for ${duration((Date.now() - state.began) / 1000)}. You can end it here.`),
      progress &&
        h(
          'div.progress',
          h('progress', {max: Math.max(1, progress.total), value: progress.read, 'aria-label': 'Progress'}),
          h('span.num', `${count(progress.read)} of ${count(progress.total)} offsets`),
        ),
    );
  }
  return [
    h('p.note', 'Ended ', when(state.ended), ` after ${duration((state.ended - state.began) / 1000)}.`),
    state.problem ? problem(state.problem) : show(state.report),
  ];
}

const TOPIC = [
  ['missing', 'Missing', 'events without a message', true],
  ['out_of_order', 'Out of order', 'events whose message comes before that of their predecessor', true],
  ['unknown', 'Unknown', 'messages that are no event of the store', true],
  ['scattered', 'Scattered', 'messages in another partition than the first one of their order', true],
  ['doubled', 'Doubled', 'messages that came again; no fault, as delivery is at least once'],
  ['messages', 'Messages', 'were read'],
  ['orders', 'Orders', 'were compared'],
  ['unjudged', 'Not judged', 'orders of which the topic holds nothing any more'],
  ['expired', 'Expired', 'offsets that the topic no longer holds'],
];

function topicReport(report) {
  return [
    h(
      'table.narrow',
      h(
        'tbody',
        TOPIC.map(([name, label, text, bad]) =>
          h(
            'tr',
            {key: name},
            h('th', label),
            h('td.num', {class: bad && report[name] > 0 ? 'bad-text' : ''}, count(report[name])),
            h('td.note', text),
          ),
        ),
      ),
    ),
    report.shown?.length > 0 &&
      h(
        'div.scroll-x',
        h(
          'table.differences',
          h(
            'tbody',
            report.shown.map((f, i) =>
              h(
                'tr',
                {key: i},
                h('td', f.kind),
                h('td', f.aggregate_id ? id(f.aggregate_id, `/ui/orders/${f.aggregate_id}`) : '–'),
                h('td', f.detail),
              ),
            ),
          ),
        ),
      ),
  ];
}
