import { registry } from '../../../datasets/index.ts';
import { unknownText } from '../../../domain/records/contracts/unknown-tally.ts';
import { type Tally, total } from '../../../domain/versions/receipt.ts';
import { age, count, integer, printable, type TableColumn, table } from '../../terminal/terminal.ts';
import { isConserved, isStuck, type ObjectState, type RecordCounts } from './object-state.ts';
import { describeTrouble, troubleName } from './trouble.ts';

/** `recipes/a.json: transformation, 2 of 5 parts` */
export function describeState(state: ObjectState): string {
  return `${printable(state.key)}: ${stateText(state)}`;
}

/** `transformation, 2 of 5 parts` */
export function stateText(state: ObjectState): string {
  const { stage, finished, pieces, fault, trouble } = state;
  const attempt =
    trouble?.underWaySince === undefined ? '' : ` (attempt ${trouble.attempt} of ${trouble.of})`;
  if (trouble !== undefined && !(state.extracting && attempt !== '')) return troubleName(trouble);
  switch (stage) {
    case 'rejected':
      return 'rejected';
    case 'failed':
      return `failed, ${fault?.code ?? 'unknown'}`;
    case 'done':
      return fault === undefined ? 'done' : `done up to a fault, ${fault.code}`;
    case 'superseded':
      return 'superseded';
    case 'retracted':
      return 'retracted';
    case 'ignored':
      return 'directory marker, ignored';
    case 'unreadable':
      return 'unreadable';
    case 'extraction':
      return state.extracting
        ? `being extracted${attempt}${state.read > 0 ? `, ${count(state.read, 'record')} so far` : ''}`
        : `waits for extraction${forHowLong(state)}`;
    case 'transformation':
      return `transformation, ${finished} of ${pieces} parts${forHowLong(state)}`;
    case 'loading':
      return `loading, ${finished} of ${pieces} parts${forHowLong(state)}`;
    case 'commit':
      return `published, not committed yet${forHowLong(state)}`;
  }
}

const forHowLong = ({ since }: ObjectState) =>
  since === undefined ? '' : `, for ${age(Date.now() - since)}`;

/** Why an object does not go on, and what helps; `undefined` if it does go on. */
export function troubleText({ trouble }: ObjectState): string | undefined {
  return trouble && describeTrouble(trouble, Date.now());
}

/** Which fields of its records the dataset does not name, and where they are. */
export function unknownFieldsText({ dataset, unknown }: ObjectState): string | undefined {
  if (unknown === undefined) return undefined;
  const rule = registry.named(dataset)?.unknown ?? 'count';
  const so =
    rule === 'count'
      ? 'are left out'
      : rule === 'reject'
        ? 'reject their records'
        : `are in the column ${rule.rescue}`;
  return `fields that the dataset does not name ${so}, each in so many records: ${printable(unknownText(unknown))}`;
}

/** `1,000 read = 950 written + 20 filtered + 30 rejected`, with `≠` if the sum is wrong. */
export function conservationOf(counts: RecordCounts): string {
  const { read, written, filtered, rejected } = counts;
  const sum = `${integer(written)} written + ${integer(total(filtered))} filtered + ${integer(total(rejected))} rejected`;
  return `${integer(read)} read ${isConserved(counts) ? '=' : '≠'} ${sum}`;
}

/** The state of an object with its record counts and reasons, in one line; a second line for its fault. */
export function describeOutcome(state: ObjectState): string {
  const why = reasonsOf(state);
  const line = `${describeState(state)}  ${conservationOf(state)}${why === '' ? '' : ` (${why})`}`;
  const reason = troubleText(state) ?? (state.fault && printable(state.fault.message));
  return reason === undefined ? line : `${line}\n  ${reason}`;
}

function reasonsOf({ filtered, rejected }: ObjectState): string {
  return [reasons(filtered), reasons(rejected)].filter(Boolean).join('; ');
}

function reasons(tally: Readonly<Tally>): string {
  return Object.entries(tally)
    .map(([name, count]) => `${name} ${integer(count)}`)
    .join(', ');
}

/** The states of objects as a table, with their record counts and reasons. */
export function stateTable(states: readonly ObjectState[]): string {
  const columns: TableColumn<ObjectState>[] = [
    { title: 'OBJECT', value: ({ key }) => printable(key) },
    {
      title: 'STATE',
      value: stateText,
      style: (state) => {
        if (isStuck(state) || ['failed', 'rejected', 'unreadable'].includes(state.stage)) return 'red';
        return state.fault === undefined && state.trouble === undefined ? undefined : 'yellow';
      },
    },
    { title: 'READ', value: ({ read }) => integer(read), align: 'right' },
    { title: 'WRITTEN', value: ({ written }) => integer(written), align: 'right' },
    { title: 'FILTERED', value: ({ filtered }) => integer(total(filtered)), align: 'right' },
    { title: 'REJECTED', value: ({ rejected }) => integer(total(rejected)), align: 'right' },
    {
      title: 'WHY',
      value: (state) => reasonsOf(state) || printable(state.trouble?.code ?? state.fault?.message ?? ''),
    },
  ];
  return table(states, columns);
}
