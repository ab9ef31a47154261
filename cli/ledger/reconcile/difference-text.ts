import type { Difference, UnreadFile } from '../../../domain/operations/reconciliation.ts';
import { count, integer, printable } from '../../terminal/terminal.ts';

const placeNames = {
  temp: 'temp',
  processed: 'lake',
  archive: 'archive',
  failed: 'failed bucket',
  ledger: 'ledger',
} as const;

export function unreadText({ place, file, storageClass, records }: UnreadFile): string {
  return `the ${placeNames[place]}’s ${printable(file)}, with ${count(records, 'record')}, is in ${printable(storageClass)} and was not read`;
}

export function differenceText({
  kind,
  of,
  place,
  expected = 0,
  found = 0,
  records = [],
  reason = '',
}: Difference): string {
  const where = place === undefined ? '' : `the ${placeNames[place]}’s ${printable(of)}`;
  switch (kind) {
    case 'unfinished':
      return `${printable(of)}: only ${integer(found)} of ${integer(expected)} done. To see whether it is under way: npx sluice sweep`;
    case 'plain_files':
      return `${count(found, 'file')} of a release before November 2026, which no table shows. To take the object over: npx sluice takeover`;
    case 'missing':
      return `${where} is missing, with ${count(expected, 'record')}`;
    case 'not_shown':
      return `${where} is not in the current snapshot of its table, with ${count(expected, 'record')}. To reprocess its object: npx sluice replay KEY --force`;
    case 'interrupted':
      return `its extraction was interrupted and has left ${printable(reason)}. It continues when its message reappears; if that was dead-lettered: npx sluice sweep --enqueue`;
    case 'unreadable':
      return `${where} can’t be read: ${printable(reason)}`;
    case 'rows':
      return `${where} has ${count(found, 'record')}; its receipt says ${integer(expected)}`;
    case 'altered':
      return `${where} was changed after it was written`;
    case 'rejects':
      return `${count(found, 'reject')} of ${printable(of)} in the failed bucket; the receipts say ${integer(expected)}`;
    case 'changed':
      return `${count(found, 'row')} in MySQL changed since loading, or the lists changed: ${recordNames(records, found)}`;
    case 'orphans':
      return `${count(found, 'orphaned row')} of ${printable(of)} in MySQL: the record’s own row is missing`;
    case 'stray':
      return `${count(found, 'row')} in MySQL of a version that is not active`;
    case 'dataset_gone':
      return `${count(found, 'row')} of ${printable(of)}, a dataset that this code does not have`;
    case 'table':
    case 'counts':
      return `${printable(of)}: ${integer(found)}, expected ${integer(expected)}`;
  }
}

function recordNames(records: readonly number[], all: number): string {
  const more = all > records.length ? ` and ${integer(all - records.length)} more` : '';
  return `${all === 1 ? 'record' : 'records'} ${records.join(', ')}${more}`;
}
