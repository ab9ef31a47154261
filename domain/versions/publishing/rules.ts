import type { Dataset } from '../../dataset.ts';
import { duplicatesIn, MOST_RECORDS } from '../../records/contracts/key-hashes.ts';
import { type Read, type RejectLimit, tooManyRejects } from '../../records/reject-limit.ts';

/** What a dataset says of versions that are not as they should be. */
export interface VersionRules extends Pick<Dataset, 'onReject'> {
  readonly maxRejected?: RejectLimit;
  readonly minRecords?: number;
  readonly maxShrink?: number;
  readonly unique?: readonly string[];
}

/** The faults of a version that was read, and breaks a rule of its dataset about whole files. */
export const ruleCodes = [
  'too_many_rejects',
  'too_few_records',
  'shrunk',
  'duplicate_keys',
  'too_many_keys',
] as const;
export type RuleCode = (typeof ruleCodes)[number];

export const isRuleCode = (code: string | undefined): code is RuleCode =>
  ruleCodes.some((each) => each === code);

interface BrokenRule {
  readonly code: RuleCode;
  readonly message: string;
}

/** What the rules are about, besides the version itself. */
export interface Circumstances {
  /** How many records the active version has, which this one would replace; `undefined` if nobody knows. */
  readonly before?: number | undefined;
  /** Its receipts of transformation, in the order of the parts. */
  readonly transformations?: Parameters<typeof duplicatesIn>[0];
}

/** The first rule that a version breaks. */
export function brokenRule(
  version: Read,
  { maxRejected, minRecords, maxShrink, unique }: VersionRules,
  { before, transformations = [] }: Circumstances,
): BrokenRule | undefined {
  return (
    tooManyRejects(version, maxRejected) ??
    tooFewRecords(version, minRecords) ??
    shrunk(version, maxShrink, before) ??
    duplicateKeys(version, unique, transformations)
  );
}

function tooFewRecords(version: Read, least = 0): BrokenRule | undefined {
  const { read } = version;
  if (read >= least) return undefined;
  const has = `it has ${records(read)}${endOf(version)}; the dataset demands ${text(least)}`;
  const cure = 'Upload the whole file, or lower the limit and replay.';
  return { code: 'too_few_records', message: `${has} (minRecords). ${cure}` };
}

function shrunk(version: Read, share = 1, before = 0): BrokenRule | undefined {
  const { read } = version;
  if (before === 0 || (before - read) / before <= share) return undefined;
  const has = `it has ${records(read)}${endOf(version)}, and the version before it ${text(before)}`;
  const demand = `the dataset lets a version shrink by a share of ${share} at most (maxShrink)`;
  const cure = 'Upload the whole file, or raise the share and replay.';
  return { code: 'shrunk', message: `${has}; ${demand}. ${cure}` };
}

/** How many keys that are there twice a message names. */
const MOST_TOLD = 3;

function duplicateKeys(
  { read }: Read,
  unique: readonly string[] | undefined,
  transformations: Parameters<typeof duplicatesIn>[0],
): BrokenRule | undefined {
  if (unique === undefined) return undefined;
  const key = unique.join(', ');
  if (read > MOST_RECORDS)
    return {
      code: 'too_many_keys',
      message: `it has ${records(read)}, and keys are compared among ${text(MOST_RECORDS)} at most, so nobody knows whether each ${key} is there once (unique). Upload it in pieces, or leave the rule out and replay.`,
    };
  const found = duplicatesIn(transformations);
  if (found === undefined) return undefined;
  const pairs = found.pairs.slice(0, MOST_TOLD).map(([a, b]) => `${text(a)} and ${text(b)}`);
  const more = found.rows > pairs.length ? ', and others' : '';
  const has = `${text(found.rows)} of its rows ${found.rows === 1 ? 'has' : 'have'} the ${key} of another one: records ${pairs.join(', ')}${more}`;
  const cure = `Upload a file in which each ${key} is there once (unique).`;
  return { code: 'duplicate_keys', message: `${has}. ${cure}` };
}

/** How a version ended that could not be read to its end. */
const endOf = ({ fault }: Read) =>
  fault === undefined ? '' : `, and ends in a fault, ${fault.code}: ${fault.message}`;

const text = (n: number) => n.toLocaleString('en');
const records = (n: number) => (n === 1 ? '1 record' : `${text(n)} records`);
