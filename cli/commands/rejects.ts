import type { Command } from 'commander';
import { type Stage, stages } from '../../domain/stage.ts';
import { rejectRecords, rejectTables } from '../ledger/rejects/describe.ts';
import { type ListedReject, type RejectedWork, rejects as rejectsOf } from '../ledger/rejects/rejects.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { chosenDataset, datasetNames, oneMoreRecordCode, pointInTime, whole } from '../options/options.ts';
import type { Target } from '../target/target.ts';
import { csvLine } from '../terminal/csv.ts';
import {
  count,
  integer,
  Progress,
  printable,
  printableJson,
  printableJsonText,
  table,
} from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface RejectsOptions {
  readonly code: readonly string[];
  readonly dataset?: string;
  readonly since: number;
  readonly limit?: number;
  readonly record?: boolean;
  readonly csv?: boolean;
  readonly json?: boolean;
}

const LISTED = 100;

export function rejects(program: Command): void {
  program
    .command('rejects')
    .description('list the rejected records of active and rejected versions, and count them by code')
    .argument('[key...]', 'keys in the raw bucket; by default all objects')
    .option(
      '-c, --code <code>',
      'only records with this code, e.g. missing_field (may be repeated)',
      oneMoreRecordCode,
      [],
    )
    .option('-d, --dataset <name>', `only records of this dataset: ${datasetNames}`)
    .option(
      '--since <time>',
      'only records rejected since: 2026-11-22, 2026-11-22T10:00:00Z, 12h or 7d ago',
      pointInTime,
      0,
    )
    .option(
      '-n, --limit <count>',
      `how many to list at most (default: ${LISTED}; with --csv or --json all); all are counted`,
      whole(0),
    )
    .option('-r, --record', 'with each record as it was sent')
    .option('--csv', 'as CSV')
    .option('--json', 'print each reject as a JSON document per line, then the totals')
    .action(async (keys: string[], options: RejectsOptions) => {
      if (options.csv && options.json) throw new UserError('Choose one of --csv and --json.');
      if (options.dataset !== undefined) chosenDataset(options.dataset);
      await run(await chosenTarget(program), [...new Set(keys)], options);
    });
}

async function run(target: Target, keys: readonly string[], options: RejectsOptions): Promise<void> {
  const { code: codes, dataset, since, limit, record: withRecord = false } = options;
  const most = limit ?? (options.csv || options.json ? Number.POSITIVE_INFINITY : LISTED);
  const format = options.csv ? csv(withRecord) : options.json ? json(withRecord) : text(withRecord, most);
  const summary = new Summary();
  const problems: string[] = [];
  const progress = new Progress();
  const print = (output: string) => {
    if (output === '') return;
    progress.end();
    process.stdout.write(output);
  };
  try {
    print(format.begin);
    const request = { keys, codes, dataset, since, limit: most, withRecord };
    for await (const step of rejectsOf(target, request)) {
      if ('work' in step) {
        summary.add(step.work);
        progress.show(`${count(summary.records, 'rejected record')} of ${count(summary.objects, 'object')}`);
      } else if ('reject' in step) {
        summary.listed += 1;
        print(format.reject(step.reject));
      } else problems.push(step.problem);
    }
    print(format.end(summary, problems));
  } finally {
    progress.end();
  }
  if (problems.length === 0) return;
  for (const problem of problems) if (!options.json) console.error(printable(problem));
  process.exitCode = 1;
}

/** The rejects of one code in one stage. */
interface CodeSum {
  readonly code: string;
  readonly stage: Stage;
  records: number;
  objects: number;
}

/** Counts what was rejected, by code and stage. The work items of an object come one after another. */
class Summary {
  listed = 0;
  withoutLines = 0;
  records = 0;
  objects = 0;
  readonly #sums = new Map<string, CodeSum & { last: string }>();
  #last: string | undefined;

  add({ key, stage, rejected, withoutLines }: RejectedWork): void {
    this.withoutLines += withoutLines;
    if (this.#last !== key) this.objects += 1;
    this.#last = key;
    for (const [code, n] of Object.entries(rejected)) {
      this.records += n;
      const id = `${stage} ${code}`;
      const sum = this.#sums.get(id) ?? { code, stage, records: 0, objects: 0, last: '' };
      sum.records += n;
      if (sum.last !== key) sum.objects += 1;
      sum.last = key;
      this.#sums.set(id, sum);
    }
  }

  /** The most frequent code of each stage first. */
  get codes(): CodeSum[] {
    return [...this.#sums.values()]
      .map(({ last: _, ...sum }) => sum)
      .sort((a, b) => stages.indexOf(a.stage) - stages.indexOf(b.stage) || b.records - a.records);
  }
}

/** How rejects and their summary are printed. */
interface Format {
  readonly begin: string;
  reject(reject: ListedReject): string;
  end(summary: Summary, problems: readonly string[]): string;
}

/** A table is printed for each version, and of a long one in pieces, so that none grows in memory. */
const ROWS_AT_ONCE = 1000;
/** Characters of records. */
const SENT_AT_ONCE = 1024 * 1024;

function text(withRecord: boolean, limit: number): Format {
  let rows: ListedReject[] = [];
  let sent = 0;
  let isFirst = true;
  const flush = () => {
    if (rows.length === 0) return '';
    const output = withRecord ? rejectRecords(rows) : rejectTables(rows);
    const gap = isFirst ? '' : '\n';
    rows = [];
    sent = 0;
    isFirst = false;
    return `${gap}${output}\n`;
  };
  return {
    begin: '',
    reject(reject) {
      const [last] = rows;
      const isOther = last?.key !== reject.key || last.versionId !== reject.versionId;
      const output = isOther || sent > SENT_AT_ONCE || rows.length === ROWS_AT_ONCE ? flush() : '';
      rows.push(reject);
      sent += reject.record?.length ?? 0;
      return output;
    },
    end(summary) {
      const output = flush();
      return `${output}${isFirst ? '' : '\n'}${summaryText(summary, limit)}\n`;
    },
  };
}

function summaryText(summary: Summary, limit: number): string {
  const { records, objects, listed, withoutLines, codes } = summary;
  if (records === 0) return 'No record is rejected.';
  const sums = table(codes, [
    { title: 'CODE', value: ({ code }) => printable(code) },
    { title: 'STAGE', value: ({ stage }) => stage },
    { title: 'RECORDS', value: (sum) => integer(sum.records), align: 'right' },
    { title: 'OBJECTS', value: (sum) => integer(sum.objects), align: 'right' },
  ]);
  const refused = codes.find(({ code }) => code === 'too_many_rejects')?.records ?? 0;
  const unlisted = records - refused - withoutLines - listed;
  return [
    sums,
    '',
    `${count(records, 'rejected record')} of ${count(objects, 'object')}.`,
    ...(refused > 0 ? [refusedText(refused)] : []),
    ...(withoutLines > 0
      ? [`${integer(withoutLines)} of them have no line: too many records of their version are rejected.`]
      : []),
    ...(codes.some(({ stage }) => stage === 'loading')
      ? ['Records that loading rejected are in the lake and the archive, but not in MySQL.']
      : []),
    ...(unlisted > 0 && listed === limit
      ? [`${integer(unlisted)} more are not listed: --limit lists more, --csv and --json all.`]
      : []),
  ].join('\n');
}

function refusedText(refused: number): string {
  const [are, their] = refused === 1 ? ['is', 'its'] : ['are', 'their'];
  return `${integer(refused)} of them ${are} valid; ${their} version was refused as a whole, so no line tells of it.`;
}

function json(withRecord: boolean): Format {
  return {
    begin: '',
    reject({ record, excerpt, ...rest }) {
      if (!withRecord) return `${printableJson(rest)}\n`;
      const line = printableJson({ ...rest, excerpt });
      const end = record === undefined ? '}' : `,"record":${printableJsonText(record)}}`;
      return `${line.slice(0, -1)}${end}\n`;
    },
    end({ records, listed, objects, codes }, problems) {
      return `${printableJson({ records, listed, objects, codes, problems })}\n`;
    },
  };
}

const csvColumns = [
  'object',
  'dataset',
  'version',
  'standing',
  'record_number',
  'stage',
  'code',
  'path',
  'message',
];

function csv(withRecord: boolean): Format {
  return {
    begin: csvLine(withRecord ? [...csvColumns, 'record', 'excerpt'] : csvColumns),
    reject(reject) {
      const { key, dataset, versionId, standing, recordNumber, stage, code, path, message } = reject;
      const { record, excerpt } = reject;
      const sent = [record, excerpt && JSON.stringify(excerpt)];
      return csvLine([
        ...[key, dataset, versionId, standing].map(printable),
        recordNumber,
        ...[stage, code, path, message].map(printable),
        ...(withRecord ? sent.map((json = '') => printableJsonText(json)) : []),
      ]);
    },
    end: () => '',
  };
}
