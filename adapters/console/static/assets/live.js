// A live stream of events. The browser reconnects by itself and resumes where it was. Where it
// gives up, because the server refused the request, this asks again after a pause, and says so.

const AGAIN = 3000;
/** Ids that are remembered so that an event which comes twice is shown once. */
const REMEMBERED = 5000;

/** What is heard of a stream: the frames, and how it is. */
export class Live {
  #url;
  #heard;
  #source;
  #timer;
  #last;
  #refused = 0;
  #seen = new Set();

  /** connecting, live, broken or refused. */
  state = 'connecting';
  /** When the state began, in ms. */
  since = Date.now();
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
    clearTimeout(this.#timer);
    this.#source?.close();
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.since = Date.now();
    this.#heard({changed: true});
  }

  #connect() {
    const url = new URL(this.#url, location.href);
    // After two refusals the place is given up: the feed may not hold it any more.
    if (this.#last && this.#refused < 2) url.searchParams.set('last_event_id', this.#last);
    const source = new EventSource(url);
    this.#source = source;
    source.onopen = () => {
      this.#refused = 0;
      this.#become('live');
    };
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) {
        this.#become('broken');
        return;
      }
      this.#refused++;
      this.#become('refused');
      this.#timer = setTimeout(() => this.#connect(), AGAIN);
    };
    source.addEventListener('event', (frame) => this.#event(frame));
    source.addEventListener('caught-up', (frame) => {
      this.caughtUp = true;
      this.#last ??= JSON.parse(frame.data).id;
      this.#heard({caughtUp: true});
    });
    source.addEventListener('reset', (frame) => {
      this.gaps++;
      this.#heard({reset: JSON.parse(frame.data)});
    });
  }

  #event(frame) {
    if (frame.lastEventId) this.#last = frame.lastEventId;
    const event = JSON.parse(frame.data);
    if (this.#seen.has(event.id)) return;
    this.#seen.add(event.id);
    if (this.#seen.size > REMEMBERED) this.#seen.delete(this.#seen.values().next().value);
    this.#heard({event});
  }
}
