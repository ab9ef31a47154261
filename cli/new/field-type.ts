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
  if (are('timestamp')) return plain('z.iso.datetime({ offset: true })');
  if (isText || are('date', 'timestamp', 'string')) return plain('z.string()');
  if (are('list')) return listType(name, values);
  if (are('struct')) return structType(values);
  return `its values are of several types: ${[...kinds].sort().join(', ')}`;
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
