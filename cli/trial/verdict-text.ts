import type { Dataset } from '../../domain/dataset.ts';
import { isRuleCode, type RuleCode } from '../../domain/versions/publishing/rules.ts';
import type { Trial } from './trial.ts';

/**
 * What `onReject` and the rules about whole files would make of a file.
 *
 * @param before how many records the active version has; `undefined` if nobody has said so
 */
export function verdictText(
  { takesEffect, usable, read, fault }: Pick<Trial, 'takesEffect' | 'usable' | 'read' | 'fault'>,
  { onReject, maxShrink }: Pick<Dataset, 'onReject' | 'maxShrink'>,
  before: number | undefined,
): string {
  const rule = `the dataset says onReject: '${onReject}'`;
  const breaks = isRuleCode(fault?.code) ? brokenRules[fault.code] : undefined;
  const why = breaks ?? (read === 0 ? 'it has no record' : 'none of its records is usable');
  if (!takesEffect)
    return `It would take no effect: ${why}, and ${rule}, so a version before it would stay active.`;
  if (breaks !== undefined) return `It would take effect although ${why}, since ${rule}.`;
  if (!usable && read > 0) return `It would take effect although ${why}, since ${rule}.`;
  if (!usable && fault !== undefined) return `It would take effect without a record, since ${rule}.`;
  const what = fault === undefined ? '' : ' with the records before the fault';
  const isOpen = maxShrink !== undefined && before === undefined && onReject === 'keep';
  const unless = ', unless maxShrink forbids it: --before says how many records the active version has';
  return `It would take effect${what}${isOpen ? unless : ''}.`;
}

const brokenRules: Readonly<Record<RuleCode, string>> = {
  too_many_rejects: 'it has more rejects than maxRejected allows',
  too_few_records: 'it has fewer records than minRecords demands',
  shrunk: 'it has so many fewer records than the version before that maxShrink does not allow it',
  duplicate_keys: 'it has rows with the same key, which unique forbids',
  too_many_keys: 'it has more records than unique can compare',
};
