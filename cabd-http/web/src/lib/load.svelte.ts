import { onDestroy } from 'svelte';
import { Trouble } from './api.ts';

/** How long an answer may take before the page says that it is slow. */
const SLOW_MS = 3000;

/** When a question that no network answered is asked again, where there seems to be one. */
const RETRIES_MS = [1500, 4000, 8000];

let underWay = 0;
let waiting: (() => void)[] = [];

/** Waits until nothing is being asked for, at most so long. */
export function quiet(mostMs: number): Promise<void> {
  return new Promise((done) => {
    if (underWay === 0) return done();
    waiting.push(done);
    setTimeout(done, mostMs);
  });
}

function ended() {
  underWay -= 1;
  if (underWay > 0) return;
  for (const done of waiting) done();
  waiting = [];
}

/** Something that a part of the page asks for, and what came of it. A newer question ends an older one, and so does the end of the part. */
export class Load<T> {
  value = $state.raw<T | undefined>(undefined);
  error = $state.raw<unknown>(undefined);
  busy = $state(false);
  slow = $state(false);
  #abort?: AbortController;
  #ask?: (signal: AbortSignal) => Promise<T>;
  #kept?: () => void;
  #gone = false;

  constructor() {
    onDestroy(() => {
      this.#gone = true;
      this.stop();
    });
  }

  /** Asks; what was there stays until the answer comes, unless `fresh`. */
  async run(ask: (signal: AbortSignal) => Promise<T>, { fresh = false, then, tries = 0 }: { fresh?: boolean; then?: () => void; tries?: number } = {}): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#ask = ask;
    this.#kept = then;
    this.busy = true;
    this.slow = false;
    // What is tried once more by itself is not said anew.
    if (tries === 0) this.error = undefined;
    if (fresh) this.value = undefined;
    const timer = setTimeout(() => (this.slow = true), SLOW_MS);
    underWay += 1;
    try {
      const value = await ask(abort.signal);
      if (abort.signal.aborted) return;
      this.value = value;
      this.error = undefined;
      then?.();
    } catch (e) {
      if (abort.signal.aborted) return;
      this.error = e;
      // What failed without a network is asked for again when it is back.
      addEventListener('online', () => this.error === e && this.again(), { once: true });
      const wait = e instanceof Trouble && e.offline ? RETRIES_MS[tries] : undefined;
      if (wait) setTimeout(() => this.error === e && navigator.onLine && !this.#gone && void this.run(ask, { then, tries: tries + 1 }), wait);
    } finally {
      clearTimeout(timer);
      ended();
      if (this.#abort === abort) {
        this.busy = false;
        this.slow = false;
      }
    }
  }

  /** Asks the last question again. */
  again(): void {
    if (this.#ask && !this.#gone) void this.run(this.#ask, { then: this.#kept });
  }

  stop(): void {
    this.#abort?.abort();
    this.busy = false;
  }
}
