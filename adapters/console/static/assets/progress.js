// How far work is that takes long: a verification, or a rebuild.

import {h} from './html.js';
import {UNKNOWN, count, duration, rate} from './format.js';
import {figure, when} from './parts.js';

/**
 * The progress of work in progress, as the API tells it: {done, total, per_second, started_at}. A
 * total of 0 is not known yet, and so is a rate before anything is done. phase is in plain words.
 */
export function progressOf(work, {phase, unit, label}) {
  const total = work.total > 0 ? work.total : undefined;
  const speed = work.done > 0 && work.per_second > 0 ? work.per_second : undefined;
  const left = total && speed ? Math.max(0, total - work.done) / speed : undefined;
  const fact = (name, shown) => h('div', {key: name}, h('dt', name), h('dd', shown));
  return [
    h('progress', {max: total ?? 1, value: total ? work.done : 0, 'aria-label': label}),
    h(
      'dl.progress-facts',
      fact('phase', phase ? h('strong', phase) : figure(UNKNOWN)),
      fact('done', [count(work.done), ' of ', figure(count(total)), ` ${unit}`]),
      fact('rate', speed ? `${rate(speed)} / s` : figure(UNKNOWN)),
      fact('left in this phase', left === undefined ? figure(UNKNOWN) : `about ${duration(left)}`),
      fact('began', when(work.started_at)),
    ),
  ];
}
