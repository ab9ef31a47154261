import {
  printable,
  printableJson,
  printableJsonText,
  styled,
  table,
  wrapped,
} from '../../terminal/terminal.ts';
import type { ListedReject } from './rejects.ts';

const NARROWEST = 60;

/**
 * Rejects as tables, one for each version, no wider than the terminal (80 columns without one). Long reasons
 * are wrapped, since nothing of them may be lost.
 */
export function rejectTables(rejects: readonly ListedReject[]): string {
  return groups(rejects)
    .map((group) => `${headingOf(group[0] as ListedReject)}\n${rejectTable(group)}`)
    .join('\n\n');
}

/** Rejects with what the sender sent, which may be too long for a table. */
export function rejectRecords(rejects: readonly ListedReject[]): string {
  return groups(rejects)
    .map((group) => [headingOf(group[0] as ListedReject), ...group.map(rejectRecord)].join('\n'))
    .join('\n\n');
}

/** Those of the same version that follow one another. */
function groups(rejects: readonly ListedReject[]): ListedReject[][] {
  const all: ListedReject[][] = [];
  for (const reject of rejects) {
    const [last] = all.at(-1) ?? [];
    if (last?.key === reject.key && last.versionId === reject.versionId) all.at(-1)?.push(reject);
    else all.push([reject]);
  }
  return all;
}

function headingOf({ key, versionId, standing }: ListedReject): string {
  const whose = standing === 'prepared' ? 'which is not published yet' : 'which was rejected';
  const which = standing === 'active' ? '' : `, of version ${printable(versionId)}, ${whose}`;
  return `${styled('bold', printable(key))}${which}`;
}

interface Line {
  readonly record: string;
  readonly stage: string;
  readonly code: string;
  readonly why: string;
}

function rejectTable(rejects: readonly ListedReject[]): string {
  const widest = (title: string, of: (reject: ListedReject) => string) =>
    rejects.reduce((most, reject) => Math.max(most, of(reject).length), title.length);
  const others =
    widest('RECORD', (each) => String(each.recordNumber)) +
    widest('STAGE', (each) => each.stage) +
    widest('CODE', codeOf) +
    3 * '  '.length;
  const room = Math.max(NARROWEST, process.stdout.columns ?? 80) - others;
  const lines = rejects.flatMap((reject): Line[] => {
    const [first = '', ...rest] = wrapped(whyOf(reject), room);
    return [
      { record: String(reject.recordNumber), stage: reject.stage, code: codeOf(reject), why: first },
      ...rest.map((why) => ({ record: '', stage: '', code: '', why })),
    ];
  });
  return table(lines, [
    { title: 'RECORD', value: ({ record }) => record, align: 'right' },
    { title: 'STAGE', value: ({ stage }) => stage },
    { title: 'CODE', value: ({ code }) => code, style: () => 'red' },
    { title: 'WHY', value: ({ why }) => why },
  ]);
}

type RejectedRecord = Pick<
  ListedReject,
  'recordNumber' | 'stage' | 'code' | 'path' | 'message' | 'record' | 'excerpt'
>;

const codeOf = ({ code }: Pick<ListedReject, 'code'>) => printable(code);

/** `ingredients[2]: is blank` */
function whyOf({ path, message }: Pick<ListedReject, 'path' | 'message'>): string {
  return printable(path === '' ? message : `${path}: ${message}`);
}

/** Why a record was rejected, and what was sent below it. */
export function rejectRecord(reject: RejectedRecord): string {
  const { recordNumber, stage, record, excerpt } = reject;
  const sent =
    record !== undefined
      ? printableJsonText(record)
      : excerpt === undefined
        ? '(it is no text)'
        : `begins with ${printableJson(excerpt)}`;
  return `record ${recordNumber}, ${codeOf(reject)} in ${stage}: ${whyOf(reject)}\n  ${sent}`;
}
