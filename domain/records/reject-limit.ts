/** How many records of one object may be rejected before the object is at fault as a whole. */
export interface RejectLimit {
  /**
   * The number of records, by default 100,000. It also bounds how many rejects have lines, however small the
   * object is.
   */
  readonly records?: number;
  /** The share of all records, from 0 to 1, by default 1. It is checked when all records are processed. */
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

/** Of so few rejects, each part keeps the lines, whatever is rejected of the others. */
export const SURELY_KEPT = 1000;

/** Of how many rejects a part keeps the lines at most: more are too many for the whole version. */
export function linesOfPart(limit: RejectLimit | undefined): number {
  return Math.max(SURELY_KEPT, { ...DEFAULTS, ...limit }.records);
}

/** Whether a version with so many rejects has more than its dataset allows, however many records it has. */
export function hasTooMany(rejected: number, limit: RejectLimit | undefined): boolean {
  return rejected > { ...DEFAULTS, ...limit }.records;
}

/** The records of a version that was read as far as possible, and why it could not be read to its end. */
export interface Read {
  readonly read: number;
  readonly rejected: number;
  readonly fault?: { readonly code: string; readonly message: string };
}

/** The fault of a version of which more is rejected than the dataset allows. */
export function tooManyRejects(
  { read, rejected, fault }: Read,
  limit: RejectLimit | undefined,
): { readonly code: typeof CODE; readonly message: string } | undefined {
  // Until November 2026, the extraction ended there.
  if (fault?.code === CODE) return { code: CODE, message: fault.message };
  const { records, share } = { ...DEFAULTS, ...limit };
  if (rejected <= records && rejected <= share * read) return undefined;
  const counts = `${text(rejected)} of its ${text(read)} records are rejected`;
  const more = fault === undefined ? '' : `, and it ends in a fault, ${fault.code}: ${fault.message}`;
  const allowed = rejected > share * read ? `a share of ${share}` : text(records);
  return { code: CODE, message: messageOf(`${counts}${more}`, `the dataset allows ${allowed}`) };
}

const CODE = 'too_many_rejects';
const text = (n: number) => n.toLocaleString('en');

const messageOf = (what: string, allowed: string) =>
  `${what}; ${allowed} (maxRejected). Upload a better file, or raise the limit and replay.`;
