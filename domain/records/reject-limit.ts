import { PermanentError } from '../errors.ts';

/** How many records of one object may be rejected before the object is at fault as a whole. */
export interface RejectLimit {
  /**
   * The number of records, by default 100,000. It bounds the cost of rejects, however small the object is.
   */
  readonly records?: number;
  /** The share of all records, from 0 to 1, by default 1. It is checked after the whole object was read. */
  readonly share?: number;
}

const DEFAULTS: Required<RejectLimit> = { records: 100_000, share: 1 };

/** The fault of a limit that a dataset declares. */
export function whyNoLimit({ records, share }: RejectLimit): string | undefined {
  if (records !== undefined && !(Number.isSafeInteger(records) && records >= 0))
    return 'maxRejected.records must be a whole number, 0 or more.';
  if (share !== undefined && !(share >= 0 && share <= 1)) return 'maxRejected.share must be from 0 to 1.';
  return undefined;
}

/** Counts an object's rejects against its dataset's limit. */
export class RejectCount {
  readonly #limit: Required<RejectLimit>;
  #rejected = 0;

  constructor({ maxRejected }: { readonly maxRejected?: RejectLimit } = {}) {
    this.#limit = { ...DEFAULTS, ...maxRejected };
  }

  /**
   * Counts one more reject. @param read number of records up to it, itself included @throws {PermanentError}
   * `too_many_rejects` if it is one too many: the object must not be read any further
   */
  add(read: number): void {
    this.#rejected += 1;
    if (this.#rejected <= this.#limit.records) return;
    throw tooMany(
      `${text(this.#rejected)} of its first ${text(read)} records are rejected, and it was not read any further`,
      `the dataset allows ${text(this.#limit.records)}`,
    );
  }

  /**
   * The final fault of an object that was read as far as possible.
   *
   * @param fault why it could not be read to its end
   */
  end(read: number, fault?: PermanentError): PermanentError | undefined {
    const { share } = this.#limit;
    if (fault?.code === CODE || this.#rejected <= share * read) return fault;
    const records = `${text(this.#rejected)} of its ${text(read)} records are rejected`;
    const more = fault === undefined ? '' : `, and it ends in a fault, ${fault.code}: ${fault.message}`;
    return tooMany(`${records}${more}`, `the dataset allows a share of ${share}`);
  }
}

const CODE = 'too_many_rejects';
const text = (n: number) => n.toLocaleString('en');

function tooMany(what: string, allowed: string): PermanentError {
  const message = `${what}; ${allowed} (maxRejected). Upload a better file, or raise the limit and replay.`;
  return new PermanentError(CODE, message, { stage: 'extraction' });
}
