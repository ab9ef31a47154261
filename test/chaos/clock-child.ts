// Preloaded by the local cloud's and the functions' processes (`node --import`): the time of day steps while
// they run, as when NTP corrects it, and each process has its own. Timers and performance.now() go on, as on
// Linux.
import { readFileSync } from 'node:fs';
import { ServerResponse } from 'node:http';

/** What the file of `CHAOS_CLOCK` holds. */
export interface Clock {
  /** Each one is a step. */
  readonly turn: number;
  /** Milliseconds that a process may be ahead or behind, by what it is. */
  readonly within: { readonly cloud: number; readonly function: number };
  /** All are ahead by this, in milliseconds, whatever `within` says. */
  readonly ahead?: number;
}

const { CHAOS_CLOCK: file = '', CHAOS_CLOCK_OF: of = 'function' } = process.env;
const POLL_MS = 100;
const RealDate = Date;
const realNow = Date.now.bind(Date);
let offset = 0;

const now = () => realNow() + offset;
RealDate.now = now;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, given, as) => Reflect.construct(target, given.length === 0 ? [now()] : given, as),
  apply: () => new RealDate(now()).toString(),
});
RealDate.prototype.constructor = globalThis.Date;

// Node dates its answers by a clock that nobody can replace: S3's `Date` would not be that of its objects.
const { writeHead } = ServerResponse.prototype;
ServerResponse.prototype.writeHead = function (this: ServerResponse, ...given: Parameters<typeof writeHead>) {
  this.setHeader('date', new Date().toUTCString());
  return writeHead.apply(this, given);
} as typeof writeHead;

step();
setInterval(step, POLL_MS).unref();

function step(): void {
  const { turn, within, ahead } = JSON.parse(readFileSync(file, 'utf8')) as Clock;
  const amplitude = of === 'cloud' ? within.cloud : within.function;
  offset = ahead ?? Math.round((2 * chance(process.pid, turn) - 1) * amplitude);
}

/** From 0 to below 1, the same for the same process and turn. */
function chance(pid: number, turn: number): number {
  const mixed = Math.imul(pid ^ Math.imul(turn + 1, 0x9e3779b1), 0x85ebca6b);
  return ((mixed ^ (mixed >>> 13)) >>> 0) / 2 ** 32;
}
