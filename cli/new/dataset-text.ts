import { wrapped } from '../terminal/terminal.ts';
import { type FieldType, fieldType, propertyName, quoted } from './field-type.ts';
import type { Sample } from './sample.ts';
import type { Values } from './values.ts';

/** A table has this many partitions at most in which a column is proposed. */
const MOST_PARTITIONS = 50;
/** Fewer records than this in a partition of the sample are too few. */
const RECORDS_A_PARTITION = 5;
const LINE = 110;
const COMMENT = '  // ';

/** A field of the input that becomes a column. */
interface Field extends FieldType {
  readonly name: string;
  readonly column: string;
  readonly isOptional: boolean;
  readonly values: Values;
}

/** The file of a dataset, and what it proposes. */
export interface DatasetText {
  readonly text: string;
  readonly key: string;
  /** Fields that have no column, and why. */
  readonly left: readonly { readonly field: string; readonly why: string }[];
}

/**
 * Writes the file of a dataset whose records are like those of a sample: each type with the reason where it
 * is not plain, the key and the columns that could partition it.
 *
 * @param name of the dataset
 */
export function datasetText(name: string, sample: Sample, file: string): DatasetText {
  const { fields, left } = fieldsOf(sample);
  const { isAll, count } = sample;
  const key = keyOf(fields, count);
  const isText = sample.format.format === 'csv';
  const optional = (type: string, isOptional: boolean, suffix: string) =>
    isOptional ? `${type}.${suffix}()` : type;
  const record = fields.map(({ name: field, record: type, isOptional, why }) => {
    const line = `    ${propertyName(field)}: ${optional(type, isOptional, isText ? 'optional' : 'nullish')},`;
    return withReason(line, why);
  });
  const row = fields.map(
    ({ column, row: type, isOptional }) => `    ${column}: ${optional(type, isOptional, 'nullable')},`,
  );
  const isSame = fields.every(({ name: field, column, isOptional }) => field === column && !isOptional);
  const transform = isSame
    ? ['  transform: (record) => record,']
    : [
        '  transform: (record) => ({',
        ...fields.map(({ name: field, column, isOptional }) => {
          const value = propertyName(field) === field ? `record.${field}` : `record[${quoted(field)}]`;
          return `    ${column}: ${value}${isOptional ? ' ?? null' : ''},`;
        }),
        '  }),',
      ];
  const lines = [
    ...importsOf([...record, ...row].join('\n')),
    '',
    `/** Made from ${file}: ${isAll ? '' : 'the first '}${count} ${count === 1 ? 'record' : 'records'}. */`,
    `export const ${variableName(name)} = defineDataset({`,
    `  name: ${quoted(name)},`,
    `  source: ${sourceOf(name, sample)},`,
    ...left.map(({ field, why }) => `  // Left out: ${field}, since ${why}.`),
    '  record: z.object({',
    ...record,
    '  }),',
    ...transform,
    '  row: z.object({',
    ...row,
    '  }),',
    ...commentOf(key.why),
    `  key: [${quoted(key.column)}],`,
    ...partitionComment(fields),
    '  partitionBy: [],',
    "  onDelete: 'retract',",
    "  onReject: 'keep',",
    '});',
    '',
  ];
  return { text: lines.join('\n'), key: key.column, left };
}

function fieldsOf({ fields, count, format, types }: Sample) {
  const left: { field: string; why: string }[] = [];
  const found: Field[] = [];
  const taken = new Set<string>();
  for (const [name, values] of fields) {
    const type = types?.get(name) ?? fieldType(name, values, format.format === 'csv');
    if (typeof type === 'string') {
      left.push({ field: name, why: type });
      continue;
    }
    const column = columnName(name, taken);
    const nothing = format.format === 'csv' ? nullsIn(values, format.nulls) : 0;
    found.push({
      ...type,
      name,
      column,
      isOptional: values.count < count || nothing > 0 || values.kinds.size === 0,
      values,
    });
  }
  return { fields: found, left };
}

/** Whether a column has one of the texts that stand for nothing. */
function nullsIn(values: Values, nulls: readonly string[] = []): number {
  return nulls.filter((each) => values.nulls.has(each)).length;
}

/** `PassengerId` as `passenger_id`. */
function columnName(name: string, taken: Set<string>): string {
  const words = name
    .normalize('NFKD')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/ß/g, 'ss')
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
  const start = /^[a-z]/.test(words) ? words : `column${words === '' ? '' : `_${words}`}`;
  let column = start;
  for (let n = 2; taken.has(column); n += 1) column = `${start}_${n}`;
  taken.add(column);
  return column;
}

function keyOf(fields: readonly Field[], count: number): { readonly column: string; readonly why: string } {
  const possible = fields.filter(({ isPlain, isOptional }) => isPlain && !isOptional);
  const unique = possible.filter(({ values }) => values.isUnique);
  const isId = ({ column }: Field) => /(^|_)(id|key|uuid|code|no|number|nr|sku|isbn)$/.test(column);
  const best = unique.find(isId) ?? unique.find(({ row }) => /int|string/.test(row)) ?? unique[0];
  if (best !== undefined)
    return { column: best.column, why: 'No two records of the file have the same value.' };
  const [most = fields.find(({ isPlain }) => isPlain) ?? fields[0]] = [...possible].sort(
    (a, b) => (b.values.distinct ?? 0) - (a.values.distinct ?? 0),
  );
  return {
    column: most?.column ?? '',
    why: `${count === 0 ? 'The file has no record' : 'No column has a value of its own in each record of the file; this one has the most'}. Name what identifies a row.`,
  };
}

function partitionComment(fields: readonly Field[]): string[] {
  const found = fields.filter(
    ({ isPlain, isOptional, row, values: { count, distinct = count } }) =>
      isPlain &&
      !isOptional &&
      /string|date\(|boolean/.test(row) &&
      distinct > 1 &&
      distinct <= Math.min(MOST_PARTITIONS, count / RECORDS_A_PARTITION),
  );
  const list = found.map(({ column, values }) => `${column} (${values.distinct} values)`).join(', ');
  const few = list === '' ? 'No column of the file has few values.' : `Columns with few values: ${list}.`;
  const times = fields.flatMap(({ column, row }) =>
    row === 'timestamp()'
      ? [`'day(${column})'`, `'month(${column})'`]
      : isDate(row)
        ? [`'month(${column})'`]
        : [],
  );
  const byTime = times.length === 0 ? '' : ` By time: ${times.join(', ')}.`;
  return commentOf(
    `A partition pays when it has some 64 MB, and queries ask for few of them. ${few}${byTime}`,
  );
}

const isDate = (type: string) => type === 'date()' || type === 'z.iso.date()';

function commentOf(text: string): string[] {
  return wrapped(text, LINE - COMMENT.length).map((line) => COMMENT + line);
}

function withReason(line: string, why: string | undefined): string {
  return why === undefined ? line : `${line} // ${why}`;
}

function importsOf(text: string): string[] {
  const all = [
    'binary',
    'date',
    'decimal',
    'double',
    'flag',
    'int32',
    'int64',
    'json',
    'time',
    'timestamp',
    'yesNo',
  ];
  const helpers = all.filter((name) => new RegExp(`(?<![.\\w])${name}\\(`).test(text));
  return [
    "import * as z from 'zod';",
    "import { defineDataset } from '../domain/dataset.ts';",
    ...(helpers.length === 0 ? [] : [`import { ${helpers.join(', ')} } from '../domain/fields.ts';`]),
  ];
}

function sourceOf(name: string, { format }: Sample): string {
  const { format: kind, ...rest } = format;
  const options = Object.entries(rest).map(([option, value]) => {
    const text = Array.isArray(value)
      ? `[${value.map(quoted).join(', ')}]`
      : typeof value === 'string'
        ? quoted(value)
        : String(value);
    return `, ${option}: ${text}`;
  });
  return `{ prefix: ${quoted(`${name}/`)}, format: ${quoted(kind)}${options.join('')} }`;
}

/** `order_lines` as `orderLines`. */
export function variableName(dataset: string): string {
  return dataset.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
