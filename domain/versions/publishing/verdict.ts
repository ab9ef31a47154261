import type { Extraction } from '../ledger.ts';
import { type ExtractionReceipt, type TransformationReceipt, total } from '../receipt.ts';
import { brokenRule, type Circumstances, isRuleCode, type RuleCode, type VersionRules } from './rules.ts';

/** The fault of a version that expired or was deleted for good before it was read, and of its records. */
export const VERSION_GONE = 'version_not_found';

/** Whether a fault was found when all of a version was prepared, and not by its extraction. */
export const isOfWhole = (code: string | undefined): code is RuleCode | typeof VERSION_GONE =>
  code === VERSION_GONE || isRuleCode(code);

/** The records of a version over all of its receipts. */
interface Sums extends Extraction {
  readonly written: number;
  readonly filtered: number;
}

/** The decision about a version that is whole. */
export interface Verdict {
  /** Whether it takes effect; otherwise the last good version stays active. */
  readonly accepted: boolean;
  /** What is amiss of it: as a whole, or with its object. */
  readonly fault?: NonNullable<Extraction['fault']>;
}

/** What the extraction of a version tells of the whole. */
export function extractionOf({ read, rejected, fault }: ExtractionReceipt): Extraction {
  return { read, rejected: total(rejected), ...(fault && { fault }) };
}

type Transformation = Pick<TransformationReceipt, 'part' | 'read' | 'written' | 'filtered' | 'rejected'>;

/**
 * Adds up the receipts of a version, all parts of which are transformed.
 *
 * @returns what does not add up instead, if records got lost or came twice
 */
export function sumsOf(
  { read, rejected, fault }: Extraction,
  transformations: readonly Transformation[],
): Sums | { readonly contradiction: string } {
  const sums = { written: 0, filtered: 0, rejected };
  let passed = 0;
  let lost = 0;
  for (const each of transformations) {
    const [filtered, refused] = [total(each.filtered), total(each.rejected)];
    if (each.read !== each.written + filtered + refused)
      return {
        contradiction: `of the ${each.read} records of part ${each.part}, ${each.written} are written, ${filtered} filtered and ${refused} rejected`,
      };
    passed += each.read;
    sums.written += each.written;
    sums.filtered += filtered;
    sums.rejected += refused;
    lost += each.rejected[VERSION_GONE] ?? 0;
  }
  if (read !== rejected + passed)
    return {
      contradiction: `of ${read} records, the extraction rejected ${rejected}, and its parts have ${passed}`,
    };
  const found = lost > 0 ? gone(lost, read) : fault;
  return { read, ...sums, ...(found && { fault: found }) };
}

function gone(lost: number, read: number): NonNullable<Extraction['fault']> {
  const message = `The version expired or was deleted for good before ${lost} of its ${read} records were read.`;
  return { code: VERSION_GONE, message };
}

/**
 * Decides whether a version takes effect. If no record is usable, or the version breaks a rule of its
 * dataset, `onReject` decides. A record is usable if it became a row, or is filtered. A version that was
 * deleted before all of it was read never takes effect.
 */
export function verdictOf(
  { read, written, filtered, rejected, fault: found }: Sums,
  rules: VersionRules,
  circumstances: Circumstances = {},
): Verdict {
  if (found?.code === VERSION_GONE) return { accepted: false, fault: found };
  const fault = brokenRule({ read, rejected, ...(found && { fault: found }) }, rules, circumstances) ?? found;
  const isUsable = written + filtered > 0 || (fault === undefined && read === 0);
  const accepted = rules.onReject === 'replace' || (isUsable && !isRuleCode(fault?.code));
  return { accepted, ...(fault && { fault }) };
}
