// What is read again and again. A Watched keeps its last good answer when a request fails, with the
// time of the answer, so that a page can show the figures and say how old they are.

import {get} from './api.js';

/** Something that is polled while somebody listens. */
export class Watched {
  #read;
  #every;
  #listeners = new Set();
  #timer;
  #abort;

  data;
  /** When data was received, in ms; undefined before the first answer. */
  at;
  /** The Problem of the last request, or undefined. */
  problem;
  /** When the request was sent that has no answer yet, or undefined. */
  asking;

  constructor(read, every) {
    this.#read = typeof read === 'string' ? (options) => get(read, options) : read;
    this.#every = every;
  }

  /** Calls changed after every answer until the returned function is called. */
  listen(changed) {
    this.#listeners.add(changed);
    if (this.#listeners.size === 1) this.#poll();
    return () => {
      this.#listeners.delete(changed);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  /** Asks now, and returns when there is an answer or a problem. */
  async refresh() {
    this.#abort?.abort();
    clearTimeout(this.#timer);
    await this.#poll();
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  async #poll() {
    const abort = new AbortController();
    this.#abort = abort;
    this.asking = Date.now();
    try {
      const data = await this.#read({signal: abort.signal});
      if (abort.signal.aborted) return;
      this.data = data;
      this.at = Date.now();
      this.problem = undefined;
    } catch (problem) {
      if (abort.signal.aborted) return;
      this.problem = problem;
    }
    this.asking = undefined;
    for (const changed of this.#listeners) changed();
    if (this.#listeners.size > 0 && this.#every) {
      // A page that nobody sees asks less often.
      this.#timer = setTimeout(() => this.#poll(), document.hidden ? 10 * this.#every : this.#every);
    }
  }
}

/** The last five minutes of a figure; unknown values are gaps. */
export class Series {
  static span = 300_000;
  points = [];

  add(value, at = Date.now()) {
    this.points.push({at, value});
    while (this.points.length > 0 && this.points[0].at < at - Series.span) this.points.shift();
  }

  get last() {
    return this.points.at(-1)?.value;
  }

  /** The greatest known value, or undefined. */
  get most() {
    const known = this.points.map((p) => p.value).filter((v) => v !== undefined);
    return known.length > 0 ? Math.max(...known) : undefined;
  }
}
