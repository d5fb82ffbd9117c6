// How far an event has come: from its commit through the feed to each consumer.

import {h} from './html.js';
import {duration, exact} from './format.js';
import {copyButton} from './parts.js';

const UNKNOWN_TIMES = {
  before_start: 'handled before this process started',
  forgotten: 'handled; newer events have pushed the times out of the memory of this process',
  elsewhere: 'handled by another process, or from the event store',
  waiting: 'waits',
};

/** Describes the way of an event as /explain tells it. */
export function waterfall(event, age) {
  if (!event) return h('p.note', 'It is newer than this picture. ', age);
  const began = instant(event.created_at);
  const rows = event.consumers.map((c) => ({
    ...c,
    seen: c.seen_at && instant(c.seen_at) - began,
    done: c.handled_at && instant(c.handled_at) - began,
  }));
  const longest = Math.max(1e-6, ...rows.map((row) => row.done ?? row.seen ?? 0));
  const percent = (seconds) => `${Math.max(0, Math.min(100, (100 * seconds) / longest)).toFixed(2)}%`;
  return [
    h(
      'p.note',
      'Committed ',
      h('time', exact(event.created_at)),
      '. The time from there to the end of the work: the thin line is the way, the bar the work.',
    ),
    h(
      'ol.waterfall',
      rows.map((row) => {
        const seen = Math.max(0, row.seen ?? 0);
        const known = row.done !== undefined && row.done !== '';
        return h(
          'li',
          {key: row.consumer, class: row.applied ? '' : 'waits'},
          h('a.name', {href: `/ui/consumers/${encodeURIComponent(row.consumer)}`}, row.consumer),
          known
            ? h(
                'span.bars',
                {'aria-hidden': 'true'},
                h('i.way', {style: {width: percent(seen)}}),
                h('i.work', {style: {width: percent(Math.max(longest * 0.006, row.done - seen))}}),
              )
            : h('span.bars.none', {'aria-hidden': 'true'}),
          h(
            'span.told',
            known && [
              h('strong', duration(Math.max(0, row.done))),
              h('span.dim', `, work ${duration(Math.max(0, row.done - seen))}`),
            ],
            !known &&
              h(
                'span',
                {class: row.unknown === 'waiting' ? 'bad-text' : 'unknown'},
                UNKNOWN_TIMES[row.unknown] ?? 'the times are not known',
              ),
            !row.applied && known && h('span.bad-text', ' parked'),
            row.deliveries > 1 && h('span.dim', `, delivered ${row.deliveries} times`),
            row.placement &&
              h('span.dim', `, partition ${row.placement.partition}, offset ${row.placement.offset}`),
          ),
        );
      }),
    ),
    event.trace_id &&
      h('p.note', 'Trace ', h('code', event.trace_id), copyButton(event.trace_id, 'Copy the trace id')),
  ];
}

// Seconds since 1970 with all digits that the text has; Date keeps milliseconds only.
function instant(text) {
  const [, whole, fraction = ''] = /^(.*?)(\.\d+)?Z$/.exec(text) ?? [undefined, text];
  // Only the last days count, so that the digits after the point fit.
  return ((Date.parse(`${whole}Z`) / 1000) % 1e6) + Number(fraction || 0);
}
