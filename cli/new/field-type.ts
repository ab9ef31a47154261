import { isAmbiguous, yesNoOf } from './forms.ts';
import type { Kind, Values } from './values.ts';

/** Names of columns whose fractions are counted, not measured. */
const MONEY =
  /(price|amount|cost|fee|tax|total|balance|salary|revenue|fare|betrag|preis|summe|umsatz|montant|prix)/i;
const USUAL_PRECISION = 18;
const MOST_PRECISION = 38;
/** An object with more names than this is taken for a map. */
const MOST_FIELDS = 50;

/** How a field is declared: in the record, which reads it, and in the row, which is its column. */
export interface FieldType {
  readonly record: string;
  readonly row: string;
  /** Why, where it is not plain. */
  readonly why?: string;
  /** Whether a table can be partitioned by it, or have it in its key. */
  readonly isPlain: boolean;
}

/** A type that is the same in the record and in the row. */
export function plain(type: string, why?: string): FieldType {
  return { record: type, row: type, isPlain: true, ...(why !== undefined && { why }) };
}

/** What to say of a type of nanoseconds. */
export const NANOSECONDS = 'it has nanoseconds: values with digits below the microsecond are rejected';

/** A list of a type, or a map. */
export function nested({ record, row }: FieldType, around: (type: string) => string): FieldType {
  return { record: around(record), row: around(row), isPlain: false };
}

export function orNull({ record, row, ...rest }: FieldType): FieldType {
  return { record: `${record}.nullable()`, row: `${row}.nullable()`, ...rest };
}

export function structOf(fields: readonly (readonly [name: string, type: FieldType])[]): FieldType {
  const of = (kind: 'record' | 'row') =>
    `z.object({ ${fields.map(([name, type]) => `${propertyName(name)}: ${type[kind]}`).join(', ')} })`;
  return { record: of('record'), row: of('row'), isPlain: false };
}

/**
 * The type of a field that holds every value it was seen with; a text of why not, if there is none.
 *
 * @param isText whether the values were texts, as in CSV
 */
export function fieldType(name: string, values: Values, isText: boolean): FieldType | string {
  const kinds = new Set(values.kinds.keys());
  const are = (...of: Kind[]) => kinds.size > 0 && [...kinds].every((kind) => of.includes(kind));
  const { before, after } = values.digits;
  const decimal = (why: string, options = ''): FieldType => {
    const precision = Math.min(MOST_PRECISION, Math.max(USUAL_PRECISION, before + Math.max(2, after)));
    const type = `decimal(${precision}, ${Math.max(2, after)}`;
    return { record: `${type}${options})`, row: `${type})`, why, isPlain: true };
  };
  const plain = (record: string, row = record, why?: string): FieldType => ({
    record,
    row,
    isPlain: true,
    ...(why !== undefined && { why }),
  });
  if (kinds.size === 0) {
    if (!isText) return 'it never has a value';
    return plain('z.string()', 'z.string()', 'it never has a value in the file');
  }
  if (are('boolean')) return isText ? plain('flag()', 'z.boolean()') : plain('z.boolean()');
  if (are('boolean', 'word')) {
    const type = yesNoOf(values.words);
    if (type !== undefined) return plain(type, 'z.boolean()', 'yes and no in words');
  }
  const epoch = are('int32', 'int64') ? epochOf(name, values) : undefined;
  if (epoch !== undefined) return plain(...epoch);
  if (are('int32')) return plain('int32()');
  if (are('int32', 'int64')) return plain('int64()', 'int64()', 'some need more than 32 bits');
  if (are('int32', 'int64', 'comma')) return decimal('with a decimal comma', ', { comma: true }');
  if (are('int32', 'int64', 'double', 'decimal')) {
    if (kinds.has('decimal')) return decimal('some have more digits than a double holds');
    if (MONEY.test(name) && after <= 4) return decimal('exact, since its name says money');
    if (before < 16) return plain('double()');
    return decimal('some have more digits than a double holds');
  }
  if (are('date')) return plain('z.iso.date()');
  if (are('timestamp')) return plain('timestamp()');
  if (are('day') || are('moment') || are('time')) {
    const type = formType(values, kinds);
    if (type !== undefined) return plain(...type);
  }
  if (isText || are('date', 'timestamp', 'day', 'moment', 'time', 'word', 'string'))
    return plain('z.string()');
  if (are('list')) return listType(name, values);
  if (are('struct')) return structType(values);
  return `its values are of several types: ${[...kinds].sort().join(', ')}`;
}

/** Names of columns whose whole numbers may be times. */
const TIME = /(^|_|[a-z])(time|timestamp|ts|at|date)$/i;
/** Seconds from 2001 to 2038, and as many milliseconds. */
const epochs = [
  { unit: 'seconds', least: 1e9, most: 2 ** 31 },
  { unit: 'milliseconds', least: 1e12, most: 2 ** 31 * 1000 },
];

/** The types in the record and in the row, and why, of numbers that count from 1970. */
function epochOf(name: string, { least, most }: Values): [string, string, string] | undefined {
  const found = epochs.find((each) => least >= each.least && most <= each.most);
  if (!TIME.test(name) || found === undefined) return undefined;
  const why = `its numbers and its name look like ${found.unit} since 1970`;
  return [`timestamp({ format: 'epoch ${found.unit}' })`, 'timestamp()', why];
}

/** The same of days and times in a form that all values have; `undefined` if there is none. */
function formType({ forms = [] }: Values, kinds: ReadonlySet<Kind>): [string, string, string?] | undefined {
  const [format] = forms;
  if (format === undefined) return undefined;
  if (kinds.has('time'))
    return format === ''
      ? ['time()', 'time()']
      : [`time('${format}')`, 'time()', 'all values have this form'];
  const hasTime = kinds.has('moment');
  const why = [
    ...(isAmbiguous(forms) ? ['no value tells which is the day and which the month'] : []),
    ...(hasTime ? ['no value has a zone: say where the clocks stand'] : []),
  ].join('; ');
  const form = format === '' ? '' : `format: '${format}', `;
  const record = hasTime ? `timestamp({ ${form}zone: 'UTC' })` : `date('${format}')`;
  return [record, hasTime ? 'timestamp()' : 'date()', why === '' ? 'all values have this form' : why];
}

function listType(name: string, { element }: Values): FieldType | string {
  if (element === undefined || element.kinds.size === 0) return 'its lists are empty';
  const type = fieldType(name, element, false);
  if (typeof type === 'string') return `of its elements, ${type}`;
  const of = (text: string) => `z.array(${text})`;
  return { record: of(type.record), row: of(type.row), isPlain: false };
}

function structType({ fields, count }: Values): FieldType | string {
  if (fields.size > MOST_FIELDS) return `its objects have ${fields.size} different names`;
  const record: string[] = [];
  const row: string[] = [];
  for (const [name, values] of fields) {
    const type = fieldType(name, values, false);
    if (typeof type === 'string') continue;
    const end = values.count < count ? '.nullish()' : '';
    record.push(`${propertyName(name)}: ${type.record}${end}`);
    row.push(`${propertyName(name)}: ${type.row}${end}`);
  }
  if (record.length === 0) return 'its objects have no field with a type';
  const of = (parts: readonly string[]) => `z.object({ ${parts.join(', ')} })`;
  return { record: of(record), row: of(row), isPlain: false };
}

/** A name in an object of TypeScript. */
export function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name);
}

/** A text in TypeScript. */
export function quoted(text: string): string {
  const json = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${json}'`;
}
