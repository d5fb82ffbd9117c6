// A live stream of events. It is read with fetch, as EventSource does not say why it is refused.
// When the connection breaks it is made again, and goes on after the last event that has come.

import {refusal} from './api.js';

const AGAIN = 3000;
/** A stream that says nothing for so long is broken: the server sends a ping every 15 s. */
const SILENCE = 45_000;
/** Ids that are remembered so that an event which comes twice is shown once. */
const REMEMBERED = 5000;

/** What is heard of a stream: the frames, and how it is. */
export class Live {
  #url;
  #heard;
  #abort;
  #timer;
  #silence;
  #closed = false;
  #last;
  #pause = 1000;
  #refused = 0;
  #seen = new Set();

  /** connecting, live, broken or refused. */
  state = 'connecting';
  /** When the state began, in ms. */
  since = Date.now();
  /** The Problem for which the stream is refused, or undefined. */
  problem;
  /** Whether everything that was there before the stream has come. */
  caughtUp = false;
  /** Missing parts that the server has told of. */
  gaps = 0;

  /** heard gets {event, caughtUp, reset, changed}; one of the four is set. */
  constructor(url, heard) {
    this.#url = url;
    this.#heard = heard;
    this.#connect();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#abort.abort();
  }

  #become(state) {
    if (this.state === state || this.#closed) return;
    this.state = state;
    this.since = Date.now();
    this.#heard({changed: true});
  }

  async #connect() {
    this.#abort = new AbortController();
    const headers = {Accept: 'text/event-stream'};
    // After two refusals the place is given up: the feed may not hold it any more.
    if (this.#last && this.#refused < 2) headers['Last-Event-ID'] = this.#last;
    try {
      this.#listening();
      const response = await fetch(this.#url, {headers, cache: 'no-store', signal: this.#abort.signal});
      if (!response.ok) {
        this.#refuse(await refusal(response));
        return;
      }
      this.#refused = 0;
      this.problem = undefined;
      this.#become('live');
      await this.#read(response.body);
    } catch {
      // It is broken, or closed here.
    }
    clearTimeout(this.#silence);
    if (this.#closed) return;
    this.#become('broken');
    this.#timer = setTimeout(() => this.#connect(), this.#pause);
  }

  // Who may not read the stream may not in three seconds, either: a login loads the page again.
  #refuse(problem) {
    clearTimeout(this.#silence);
    if (this.#closed) return;
    this.#refused++;
    this.problem = problem;
    this.#become('refused');
    if (!problem.access) this.#timer = setTimeout(() => this.#connect(), AGAIN);
  }

  #listening() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#abort.abort(), SILENCE);
  }

  async #read(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    let frame = {};
    for (;;) {
      const {done, value} = await reader.read();
      if (done || this.#closed) return;
      this.#listening();
      const parts = (rest + value).split('\n');
      rest = parts.pop();
      for (const part of parts) {
        if (part === '') {
          this.#take(frame);
          frame = {};
          continue;
        }
        const at = part.indexOf(':');
        if (at > 0) frame[part.slice(0, at)] = part.slice(at + 1).trimStart();
      }
    }
  }

  // A fault in what hears the frame is no fault of the connection.
  #take(frame) {
    try {
      if (Number(frame.retry) > 0) this.#pause = Number(frame.retry);
      switch (frame.event) {
        case 'event':
          this.#event(frame);
          return;
        case 'caught-up':
          this.caughtUp = true;
          this.#last ??= JSON.parse(frame.data).id;
          this.#heard({caughtUp: true});
          return;
        case 'reset':
          this.gaps++;
          this.#heard({reset: JSON.parse(frame.data)});
          return;
        default:
      }
    } catch (error) {
      reportError(error);
    }
  }

  #event(frame) {
    if (frame.id) this.#last = frame.id;
    const event = JSON.parse(frame.data);
    if (this.#seen.has(event.id)) return;
    this.#seen.add(event.id);
    if (this.#seen.size > REMEMBERED) this.#seen.delete(this.#seen.values().next().value);
    this.#heard({event});
  }
}
