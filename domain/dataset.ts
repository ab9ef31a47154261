import type * as z from 'zod';
import { isNested } from './column-type.ts';
import { columnsOf } from './columns.ts';
import { whyNoIndex } from './indexes.ts';
import { type PartitionBy, partitionFields, whyNoPartition } from './partitions.ts';
import { coercedNumber } from './records/coerced-numbers.ts';
import { whyNoContract } from './records/contracts/contract.ts';
import type { RowCheck } from './records/contracts/row-check.ts';
import { whyNoText } from './records/decoding/csv/field.ts';
import { csvFields } from './records/decoding/csv/header.ts';
import { type RejectLimit, whyNoLimit } from './records/reject-limit.ts';
import { type SourceFormat, whyNoFormat } from './source-format.ts';

/** The tables of the catalog about the pipeline's own work: no dataset may have such a name. */
export const ledgerTableNames = ['rejects', 'objects'] as const;

/** What the name of a dataset is made of. */
export const DATASET_NAME = /^[a-z][a-z0-9_]{0,63}$/;

/** The pipeline's own dataset, with the objects of `npx sluice verify`. */
export const VERIFICATION = 'sluice_verification';

/** The name of the table of the catalog that shows a dataset's archive. */
export function archiveTableName(dataset: string): string {
  return `${dataset}_archive`;
}

/** An object's key has room for this many of the longest values. */
const MAX_PARTITION_COLUMNS = 2;

/** The position of a record in the input. A deterministic id can be made of it. */
export interface RecordSource {
  /** Key of the object in the raw bucket. */
  readonly key: string;
  /** Position of the record in the object, from 1. */
  readonly recordNumber: number;
}

/** The formats that the files of the lake can have. Each one's name is the extension of its files. */
export type LakeFormat = 'parquet' | 'csv';

/** The result of a transform for a valid record that becomes no row. It is counted under the reason. */
export class Filtered {
  readonly #reason: string;

  constructor(reason: string) {
    this.#reason = reason;
  }

  get reason(): string {
    return this.#reason;
  }
}

/** Leaves a record out of the table, for a reason that is counted: for a transform to return. */
export function filtered(reason: string): Filtered {
  return new Filtered(reason);
}

/** Makes the row of a valid record, or filters it out. Pure: the same record and origin give the same row. */
export type Transform<RecordSchema extends z.ZodType, RowSchema extends z.ZodObject> = (
  record: z.output<RecordSchema>,
  origin: RecordSource,
) => z.output<RowSchema> | Filtered;

/**
 * The names of surplus columns that a transform returns: TypeScript itself lets a function return more fields
 * than declared.
 */
type Surplus<Returned, Row> = Returned extends Filtered ? never : Exclude<keyof Returned & string, keyof Row>;

/** Refuses a transform with surplus columns, since no table would have them. */
type NoSurplus<Column extends string> = [Column] extends [never]
  ? unknown
  : `The transform returns ${Column}, which is not a column of the row.`;

/** The schemas of zod that are no column, of those that a row's schema names. */
type Columnless =
  | z.ZodAny
  | z.ZodUnknown
  | z.ZodBigInt
  | z.ZodDate
  | z.ZodMap
  | z.ZodSet
  | z.ZodUnion
  | z.ZodTuple
  | z.ZodNull
  | z.ZodUndefined
  | z.ZodSymbol
  | z.ZodFile;
type IsColumnless<Schema> = Schema extends z.ZodOptional<infer Inner> | z.ZodNullable<infer Inner>
  ? IsColumnless<Inner>
  : Schema extends Columnless
    ? true
    : false;
type ColumnlessIn<Shape> = {
  [Name in keyof Shape & string]: true extends IsColumnless<Shape[Name]> ? Name : never;
}[keyof Shape & string];

/** Refuses a row with a column that no table has; what only its values tell is refused at start. */
type OnlyColumns<Row extends z.ZodObject> = string extends keyof Row['shape']
  ? unknown
  : [ColumnlessIn<Row['shape']>] extends [never]
    ? unknown
    : `There is no column type for ${ColumnlessIn<Row['shape']>}: docs/datasets/types.md has those that there are.`;

/** Everything that is specific to one kind of data. The rest of the pipeline is derived from it. */
export interface DatasetDefinition<
  RecordSchema extends z.ZodType,
  RowSchema extends z.ZodObject,
  OwnTransform extends Transform<RecordSchema, RowSchema>,
> {
  /**
   * Lower-case letters, digits and underscores, but not `rejects` or `objects`, nor another's name with
   * `_archive`. The table, the prefixes and the view have this name.
   */
  readonly name: string;
  readonly source: {
    /** Objects of the raw bucket whose key begins with it belong to this dataset. Ends with `/`. */
    readonly prefix: string;
  } & SourceFormat;
  /** The schema of a valid input record. */
  readonly record: RecordSchema;
  /** Makes the row of a valid record, or filters it out: `Transform`. */
  readonly transform: OwnTransform & NoSurplus<Surplus<ReturnType<OwnTransform>, z.output<RowSchema>>>;
  /** The schema of a row of the table. Column types derive from it. */
  readonly row: RowSchema & OnlyColumns<RowSchema>;
  /**
   * Former names of columns: `{ minutes: 'duration' }`. The values that older files and MySQL have under the
   * former name stay the column's. Without it, a column under another name is another column.
   */
  readonly renamed?: { readonly [Column in keyof z.output<RowSchema> & string]?: string };
  /** The columns that identify a row. */
  readonly key: readonly (keyof z.output<RowSchema> & string)[];
  /**
   * What partitions the lake, outermost first: columns, and days or months (of UTC) of a timestamp or a date:
   * `['country', 'day(at)']`.
   */
  readonly partitionBy: readonly PartitionBy<keyof z.output<RowSchema> & string>[];
  /** The format of the lake's files, by default Parquet. The archive is always Parquet. */
  readonly processedAs?: LakeFormat;
  /** Whether the rows of a deleted object are retracted or kept. */
  readonly onDelete: 'retract' | 'keep';
  /**
   * Whether a new version without a usable record replaces the last good version, or that one stays active.
   */
  readonly onReject: 'replace' | 'keep';
  /**
   * Further indexes of the table in MySQL, beside that of the key: `[['title'], ['author', 'published']]`.
   */
  readonly indexes?: readonly (readonly (keyof z.output<RowSchema> & string)[])[];
  /**
   * How many records of an object may be rejected. If there are more, `onReject` decides, as if none were
   * usable.
   */
  readonly maxRejected?: RejectLimit;
  /** How many records an object has at least. If it has fewer, `onReject` decides, as above. */
  readonly minRecords?: number;
  /**
   * By which share a version may have fewer records than the active one of the same object, from 0 to 1. If
   * it has fewer still, `onReject` decides.
   */
  readonly maxShrink?: number;
  /**
   * Columns of the row whose values, together, an object has once: often the key. If two rows of an object
   * have the same ones, `onReject` decides. A row with a null in one is equal to no other.
   */
  readonly unique?: readonly (keyof z.output<RowSchema> & string)[];
  /** How often an object arrives at least, 1 to 167 hours: an alarm rings when none does. */
  readonly expectedEvery?: { readonly hours: number };
  /** Demands of each row: one that does not pass is a reject, with the code and message of the check. */
  readonly checks?: readonly RowCheck<z.output<RowSchema>, z.output<RecordSchema>>[];
  /**
   * The rule for fields of JSON, and columns of a CSV file with `columns: 'ignore-additional'`, that the
   * record does not name. `count`, the default: they are left out, and counted by name. `reject`: a record
   * with a value in one is a reject. `{ rescue: 'others' }`: they go into this column of the row, which is
   * `json().optional()`, and which the transform leaves out.
   */
  readonly unknown?: 'count' | 'reject' | { readonly rescue: keyof z.output<RowSchema> & string };
}

/** A dataset as the pipeline sees it, whatever its records and rows are. */
export type Dataset = DatasetDefinition<z.ZodType, z.ZodObject, Transform<z.ZodType, z.ZodObject>>;

/**
 * Declares a dataset.
 *
 * @throws {Error} if the name, the prefix, a field of CSV, the key or a partition column can't be used
 */
export function defineDataset<
  RecordSchema extends z.ZodType,
  RowSchema extends z.ZodObject,
  OwnTransform extends Transform<RecordSchema, RowSchema>,
>(definition: DatasetDefinition<RecordSchema, RowSchema, OwnTransform>): Dataset {
  const { name, source, record, row, key, partitionBy, processedAs, maxRejected } = definition;
  const refuse = (what: string): never => {
    throw new Error(`Dataset ${JSON.stringify(name)}: ${what}`);
  };
  if (!DATASET_NAME.test(name)) {
    refuse(
      'the name must be lower-case letters, digits and underscores, begin with a letter, and have at most 64 characters.',
    );
  }
  if ((ledgerTableNames as readonly string[]).includes(name))
    refuse(
      'the catalog has a table of this name about the pipeline’s own work (docs/queries.md): choose another name.',
    );
  if (!/^[^/].*\/$/.test(source.prefix))
    refuse(`the prefix ${JSON.stringify(source.prefix)} must end with "/" and not begin with it.`);
  const noFormat = whyNoFormat(source);
  if (noFormat !== undefined) refuse(noFormat);
  if (source.format === 'csv') {
    const fields = csvFields(record);
    if (fields === undefined) refuse('its record must be a z.object: its fields are the columns of the CSV.');
    for (const [field, { schema }] of fields ?? []) {
      const why = whyNoText(schema);
      if (why !== undefined) refuse(`the field ${field} of its record ${why}`);
    }
  }
  const coerced = coercedNumber(record);
  if (coerced !== undefined)
    refuse(
      `${coerced === '' ? 'its record' : coerced} is a z.coerce.number(), which silently rounds long numbers. Use z.number() for JSON numbers; for text, use double() or int32() of domain/fields.ts.`,
    );
  const noLimit = whyNoLimit(maxRejected ?? {});
  if (noLimit !== undefined) refuse(noLimit);
  if (key.length === 0) refuse('the key names no column.');
  const columns = new Map(columnsOf(row).map((column) => [column.name, column]));
  const partitions = partitionFields(partitionBy);
  const partitioning = partitions.map(({ column }) => column);
  for (const column of [...key, ...partitioning]) {
    if (!columns.has(column)) refuse(`${column} is not a column of its row.`);
  }
  for (const column of columns.keys()) {
    if (!/^[a-z][a-z0-9_]*$/.test(column))
      refuse(`the column ${column} must be lower-case letters, digits and underscores.`);
  }
  const noIndex = whyNoIndex(definition, columns);
  if (noIndex !== undefined) refuse(noIndex);
  const noContract = whyNoContract(definition, columns);
  if (noContract !== undefined) refuse(noContract);
  for (const [column, former] of Object.entries(definition.renamed ?? {})) {
    if (!columns.has(column))
      refuse(`renamed tells the former name of ${column}, which is not a column of its row.`);
    if (former === undefined) continue;
    if (columns.has(former))
      refuse(`${column} was renamed from ${former}, which is a column of its row too.`);
    if (partitioning.includes(column))
      refuse(`${column} partitions it, and can’t be renamed: the folders tell its name.`);
    if (processedAs === 'csv')
      refuse(`${column} can’t be renamed: columns of CSV have no ids, and older files tell the former name.`);
  }
  if (new Set(partitioning).size < partitioning.length) refuse('a column partitions it twice.');
  if (partitionBy.length > MAX_PARTITION_COLUMNS)
    refuse(`it is partitioned by more than ${MAX_PARTITION_COLUMNS} columns.`);
  for (const column of [...key, ...partitioning]) {
    const type = columns.get(column)?.type;
    const isJson = type?.kind === 'string' && type.json;
    if (isJson || type?.kind === 'binary')
      refuse(
        `${column} is ${isJson ? 'JSON' : 'binary'}, which can be neither in the key nor a partition: make a part of it, or a hash, a column.`,
      );
  }
  for (const field of partitions) {
    const { name: own, column, transform } = field;
    const type = columns.get(column)?.type;
    const why = type && whyNoPartition(field, type);
    if (why !== undefined) refuse(`${column} ${why}`);
    if (transform === 'identity') continue;
    if (columns.has(own))
      refuse(`${own} is a column of its row, and the name of the ${transform} of ${column}.`);
    if (processedAs === 'csv')
      refuse(
        `CSV has no ${transform} of a column to be partitioned by: make it a column of its row, or process it as Parquet.`,
      );
  }
  if (processedAs === 'csv') {
    for (const { name: column, type } of columns.values()) {
      if (isNested(type)) refuse(`${column} is a ${type.kind}, which CSV can't hold: process it as Parquet.`);
    }
  }
  // The transform and the checks get their records and rows as `unknown`; the schemas validated them before.
  return Object.freeze(definition) as unknown as Dataset;
}
