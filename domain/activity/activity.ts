import type { Stage } from '../stage.ts';
import type { VersionPath } from '../versions/key-layout.ts';
import { total } from '../versions/receipt.ts';
import {
  isRetry,
  type ObjectRevision,
  type OutcomeLine,
  pathOfLine,
  pathOfRetry,
  type Result,
  type RetryLine,
  type StageLine,
} from './stage-line.ts';

interface Counts {
  readonly read: number;
  readonly written: number;
  readonly filtered: number;
  readonly rejected: number;
}

/**
 * How a version of an object ends. `failed`: the object is faulty, and its records, or the rest of them, are
 * not used. `done` may have the code of a fault as well: the records before it are used.
 */
export const outcomes = ['done', 'rejected', 'failed', 'superseded', 'retracted', 'kept', 'ignored'] as const;

/** How a version of an object ended, with its records over all stages. */
export interface Ended extends Counts {
  readonly outcome: (typeof outcomes)[number];
  readonly code?: string | undefined;
  /** Since its event reached the queue of the extraction, in milliseconds; absent if that is not known. */
  readonly tookMs?: number | undefined;
}

/** What became of one message of a stage. */
export interface Step extends Counts {
  /** Milliseconds since the epoch, by the function's clock. */
  readonly at: number;
  readonly stage: Stage;
  readonly dataset: string;
  /** The raw object's, as far as it is known; else that of the stage's input. */
  readonly key: string;
  readonly versionId: string;
  readonly result: Result | 'retried' | 'dead_lettered';
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  /** Of a message that is retried or dead-lettered: which attempt failed, of how many. */
  readonly attempt?: number;
  readonly of?: number;
  /** With the last piece of an object. */
  readonly ended?: Ended | undefined;
}

/** A version of which something is known, and not its end. */
interface Open {
  readonly path: VersionPath;
  object?: ObjectRevision | undefined;
  /** Of its last line. */
  lastAt: number;
  stage: Stage;
  sentAt?: number | undefined;
  /** How many parts it has; unknown until the line of its extraction comes. */
  parts?: number;
  transformed: number;
  loaded: number;
  committed: boolean;
  /** Whether it was rejected for a fault when it was whole. */
  refused: boolean;
  read: number;
  written: number;
  filtered: number;
  rejected: number;
  code?: string | undefined;
  /** Whether a line may be lost: a message came again whose first attempt may have died before its line. */
  unsure: boolean;
  /** How often the ledger was asked for it. */
  asked: number;
}

/** A version whose end the lines alone don't tell. */
export interface Unsure {
  readonly path: VersionPath;
  readonly object: ObjectRevision | undefined;
}

export interface ActivityLimits {
  /** Forget a version without lines for so long, in milliseconds. */
  readonly forgetAfterMs?: number;
  /** How many versions to know at most, and of how many to remember that they ended. */
  readonly most?: number;
}

/** How long a version has been quiet when the ledger is asked for it; twice as long each further time. */
const QUIET_MS = 5000;

const none: Counts = { read: 0, written: 0, filtered: 0, rejected: 0 };

/**
 * Finds out from the lines of the stages' functions when an object has ended. The lines may come in any
 * order, since each function has a log of its own; each line must be added once.
 *
 * An object has ended when as many parts are transformed and loaded as its extraction made, and its version
 * is committed; one without rows, when its parts are transformed. The function that finishes a piece logs it
 * as `done` at most once, so counts are enough. If a function dies between its receipt and its line, the
 * message comes again, and its line says `duplicate`: then the counts are short, and only the ledger knows
 * the end. The same is true of an object whose first lines came before those that were read. `unsure` names
 * such objects; `end` takes the answer. An object is missed only if nothing but a `duplicate` tells of it:
 * that line may as well be of a late copy of an event.
 */
export class Activity {
  readonly #open = new Map<string, Open>();
  /** When each version ended, so that a late copy of its events is not taken for new work. */
  readonly #ended = new Map<string, number>();
  readonly #datasetOf: (key: string) => string;
  readonly #forgetAfterMs: number;
  readonly #most: number;

  /** @param datasetOf the name of a raw key's dataset */
  constructor(datasetOf: (key: string) => string, limits: ActivityLimits = {}) {
    this.#datasetOf = datasetOf;
    this.#forgetAfterMs = limits.forgetAfterMs ?? 3_600_000;
    this.#most = limits.most ?? 10_000;
  }

  /** How many versions it knows. */
  get size(): number {
    return this.#open.size + this.#ended.size;
  }

  /** @param at when it was logged, in milliseconds since the epoch */
  add(line: StageLine, at: number): Step {
    return isRetry(line) ? this.#retry(line, at) : this.#outcome(line, at);
  }

  /** Versions that have been quiet for a while, and that may have ended. Names each less and less often. */
  unsure(now: number, most: number): Unsure[] {
    const found: Unsure[] = [];
    for (const open of this.#open.values()) {
      if (found.length === most) break;
      const isKnown = open.parts !== undefined && !open.unsure;
      if (isKnown || now - open.lastAt < QUIET_MS * 2 ** open.asked) continue;
      open.asked += 1;
      found.push({ path: open.path, object: open.object });
    }
    return found;
  }

  /**
   * Takes the ledger's answer on an unsure version.
   *
   * @returns its last step, unless its lines have told its end meanwhile
   */
  end(path: VersionPath, object: ObjectRevision, answer: Omit<Ended, 'tookMs'>): Step | undefined {
    const open = this.#open.get(nameOf(path));
    if (open === undefined) return undefined;
    const { lastAt: at, stage } = open;
    const ended = { ...answer, tookMs: this.#close(open, answer.outcome).tookMs };
    const result = ended.outcome === 'failed' ? 'failed' : 'done';
    return { at, stage, dataset: path.dataset, ...object, ...none, result, code: ended.code, ended };
  }

  /** Forgets versions that have been quiet for an hour. */
  forget(now: number): void {
    for (const [name, { lastAt }] of this.#open)
      if (now - lastAt > this.#forgetAfterMs) this.#open.delete(name);
    for (const [name, at] of this.#ended) if (now - at > this.#forgetAfterMs) this.#ended.delete(name);
  }

  #outcome(line: OutcomeLine, at: number): Step {
    const { service: stage, key, versionId, dataset, result, read, written, fault } = line;
    const [filtered, rejected] = [total(line.filtered), total(line.rejected)];
    const path = pathOfLine(line);
    const open = path && this.#openFor(path, line, at);
    const ended = open && this.#take(open, line, filtered, rejected);
    drop(this.#open, this.#most);
    const object = line.object ?? open?.object ?? { key, versionId };
    const step = { at, stage, dataset, ...object, result, read, written, filtered, rejected };
    const why = fault && { code: fault.code, message: fault.message };
    return { ...step, ...why, ...(ended && { ended }) };
  }

  #retry(line: RetryLine, at: number): Step {
    const { service: stage, attempt, of, error, body } = line;
    const about = pathOfRetry(line, this.#datasetOf);
    const open = about?.path && this.#open.get(nameOf(about.path));
    if (open !== undefined) this.#touch(open, stage, at);
    const object = open?.object ?? about?.object ?? { key: body.slice(0, 100), versionId: '' };
    const dataset = about?.path?.dataset ?? this.#datasetOf(object.key);
    const result = attempt >= of ? 'dead_lettered' : 'retried';
    const { code, message } = error;
    return { at, stage, dataset, ...object, ...none, result, code, message, attempt, of };
  }

  /** @returns `undefined` for a version that has ended, and for a line that does not tell of new work */
  #openFor(path: VersionPath, { service, result }: OutcomeLine, at: number): Open | undefined {
    const name = nameOf(path);
    const known = this.#open.get(name);
    if (known !== undefined) {
      this.#touch(known, service, at);
      return known;
    }
    const isNews =
      result === 'done' || result === 'failed' || (service === 'extraction' && result !== 'duplicate');
    if (!isNews || this.#ended.has(name)) return undefined;
    const zero = { transformed: 0, loaded: 0, committed: false, refused: false, asked: 0 };
    const open = { path, lastAt: at, stage: service, ...zero, ...none, unsure: false };
    this.#open.set(name, open);
    return open;
  }

  /** Counts a line in. @returns how the object ended, if this was its last piece */
  #take(open: Open, line: OutcomeLine, filtered: number, rejected: number): Ended | undefined {
    const { service, result, outputs = 0, fault, object, sentAt } = line;
    open.object ??= object;
    if (service === 'extraction' && sentAt !== undefined) open.sentAt ??= Date.parse(sentAt);
    if (result === 'duplicate') open.unsure = true;
    if (service === 'extraction') {
      if (result === 'stale') return this.#close(open, 'superseded');
      if (result === 'retracted' || result === 'kept' || result === 'ignored')
        return this.#close(open, result);
      if (result === 'duplicate' || result === 'continued') return undefined;
      open.parts = outputs;
      open.read = line.read;
      open.rejected += rejected;
      open.code ??= fault?.code;
      if (fault !== undefined && outputs === 0) return this.#close(open, 'failed');
    } else if (service === 'transformation' && (result === 'done' || object !== undefined)) {
      // The one that finds the version whole tells what is amiss of it.
      open.transformed += 1;
      open.written += line.written;
      open.filtered += filtered;
      open.rejected += rejected;
      open.code = fault?.code ?? open.code;
      open.refused ||= result === 'failed';
    } else if (result === 'failed') {
      open.code = fault?.code;
      return this.#close(open, 'failed');
    } else if (result === 'done') {
      if (service === 'commit') open.committed = true;
      else open.loaded += 1;
    } else {
      // `stale` may be a part that another attempt left over, while its version goes on.
      open.unsure = true;
    }
    if (open.transformed !== open.parts) return undefined;
    if (open.refused) {
      // Nobody will see its rows.
      open.rejected += open.written;
      open.written = 0;
      return this.#close(open, 'failed');
    }
    // A version without rows may be rejected, and then no sink is told of it.
    if (open.written > 0 && (open.loaded !== open.parts || !open.committed)) return undefined;
    const isRejected = open.code === undefined && open.read > 0 && open.rejected === open.read;
    return this.#close(open, isRejected ? 'rejected' : 'done');
  }

  #touch(open: Open, stage: Stage, at: number): void {
    if (at >= open.lastAt) Object.assign(open, { lastAt: at, stage });
    // The order of the map is that of the last lines.
    const name = nameOf(open.path);
    this.#open.delete(name);
    this.#open.set(name, open);
  }

  #close(open: Open, outcome: Ended['outcome']): Ended {
    const name = nameOf(open.path);
    this.#open.delete(name);
    this.#ended.set(name, open.lastAt);
    drop(this.#ended, this.#most);
    const { read, written, filtered, rejected, code, sentAt } = open;
    const tookMs = sentAt === undefined ? undefined : Math.max(open.lastAt - sentAt, 0);
    return { outcome, read, written, filtered, rejected, code, tookMs };
  }
}

const nameOf = ({ dataset, objectId, version }: VersionPath) => `${dataset}/${objectId}/${version}`;

/** Forgets the oldest entries. */
function drop(map: Map<string, unknown>, most: number): void {
  for (const name of map.keys()) {
    if (map.size <= most) return;
    map.delete(name);
  }
}
