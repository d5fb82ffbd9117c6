// A rebuild of a view, as a consumer's status tells it.

import {h} from './html.js';
import {when} from './parts.js';
import {progressOf} from './progress.js';

/** What a rebuild does, by the phase that the API names. */
export const PHASES = {
  filling: 'reads the event store',
  verifying: 'compares the new generation with the events and with the live one',
  refused: 'was refused: there are differences, and the live generation stays',
  switched: 'is done: the new generation is live',
  aborted: 'was ended by an operator',
};

/** The phases of a rebuild that still has a generation of its own. */
export const UNFINISHED = ['filling', 'verifying', 'refused'];

/** Describes a rebuild; differences describes the report of its comparison. */
export function rebuildStatus(r, differences) {
  const working = r.phase === 'filling' || r.phase === 'verifying';
  const doing = PHASES[r.phase] ?? r.phase;
  return [
    h('h2', `Rebuild of generation ${r.generation.number}${working ? '' : ` ${doing}`}`),
    working
      ? h('div.far', progressOf(r, {phase: doing, unit: 'orders', label: 'Progress of the rebuild'}))
      : r.started_at && h('p.note', 'Began ', when(r.started_at), '.'),
    r.error && h('p.bad-text', `No progress now: ${r.error}. It is retried.`),
    r.report && differences(r.report),
  ];
}
