import type { Dataset } from '../../dataset.ts';
import { type Read, type RejectLimit, tooManyRejects } from '../../records/reject-limit.ts';

/** What a dataset says of versions that are not as they should be. */
export interface VersionRules extends Pick<Dataset, 'onReject'> {
  readonly maxRejected?: RejectLimit;
  readonly minRecords?: number;
}

/** The faults of a version that was read, and breaks a rule of its dataset about whole files. */
export const ruleCodes = ['too_many_rejects', 'too_few_records'] as const;
export type RuleCode = (typeof ruleCodes)[number];

export const isRuleCode = (code: string | undefined): code is RuleCode =>
  ruleCodes.some((each) => each === code);

interface BrokenRule {
  readonly code: RuleCode;
  readonly message: string;
}

/** The first rule that a version breaks. */
export function brokenRule(version: Read, rules: VersionRules): BrokenRule | undefined {
  return tooManyRejects(version, rules.maxRejected) ?? tooFewRecords(version, rules.minRecords);
}

function tooFewRecords(version: Read, least = 0): BrokenRule | undefined {
  const { read } = version;
  if (read >= least) return undefined;
  const has = `it has ${records(read)}${endOf(version)}; the dataset demands ${text(least)}`;
  const cure = 'Upload the whole file, or lower the limit and replay.';
  return { code: 'too_few_records', message: `${has} (minRecords). ${cure}` };
}

/** How a version ended that could not be read to its end. */
const endOf = ({ fault }: Read) =>
  fault === undefined ? '' : `, and ends in a fault, ${fault.code}: ${fault.message}`;

const text = (n: number) => n.toLocaleString('en');
const records = (n: number) => (n === 1 ? '1 record' : `${text(n)} records`);
