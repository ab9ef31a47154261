import type * as z from 'zod';
import type { Column, ColumnType } from './column-type.ts';
import { fieldTypeOf } from './fields/field.ts';

/** Microseconds. */
const TIMESTAMP_PRECISION = 6;

export type { Column, ColumnType } from './column-type.ts';

/** Position of the record in its raw object, from 1: with the object it names a row in every table. */
export const recordColumn: Column = { name: '_record', type: { kind: 'int64' }, nullable: false };

/**
 * The raw key and the version id, with its revision, that a row of the lake is from: a file of an Iceberg
 * table may hold rows of many objects. Missing in older files, whose path tells the same.
 */
export const sourceColumn: Column = {
  name: '_source',
  type: { kind: 'string' },
  nullable: true,
  inRuns: true,
};
export const versionColumn: Column = { ...sourceColumn, name: '_version' };

/** When the pipeline took up that revision of the version. Missing in older files. */
export const loadedAtColumn: Column = { ...sourceColumn, name: '_loaded_at', type: { kind: 'timestamp' } };

/** The columns whose values all rows of a revision share. */
export const revisionColumns: readonly Column[] = [sourceColumn, versionColumn, loadedAtColumn];

/** The revision of a version that rows are from. */
export interface Origin {
  readonly key: string;
  /** With its revision. */
  readonly versionId: string;
  /** ISO 8601; absent if older code took it up. */
  readonly loadedAt?: string | undefined;
}

/**
 * A row with the values of the columns that tell its origin, whose names are written out: V8 makes objects
 * with computed names several times as slowly.
 */
export function withOrigin(
  row: Readonly<Record<string, unknown>>,
  { key, versionId, loadedAt }: Origin,
  recordNumber: number,
): Readonly<Record<string, unknown>> {
  return {
    ...row,
    _record: recordNumber,
    _source: key,
    _version: versionId,
    _loaded_at: loadedAt ?? null,
  };
}

/**
 * The columns of a dataset's table in every sink: those of its rows, and their origin. CSV is read by
 * position ("Athena User Guide: Types of updates"): there the record number comes first, so that older files
 * stay readable when a column is added at the end; and the object is in each file's name alone.
 */
export function tableColumns({ row, processedAs }: Tabular): Column[] {
  const columns = columnsOf(row);
  return processedAs === 'csv' ? [recordColumn, ...columns] : [...columns, recordColumn, ...revisionColumns];
}

/** The fields of a dataset that describe its table. */
interface Tabular {
  readonly row: z.ZodObject;
  readonly processedAs?: string;
}

/** The columns in a file of the lake. The partition columns are in its key instead. */
export function storedColumns(dataset: Tabular & { readonly partitionBy: readonly string[] }): Column[] {
  return tableColumns(dataset).filter(({ name }) => !dataset.partitionBy.includes(name));
}

/**
 * Derives a table's columns from the schema of its rows, in the schema's order.
 *
 * string, enum, uuid and other text: string. int32: int32; int: int64; number: double. iso.date: date;
 * iso.datetime: timestamp in microseconds, UTC. array: list; object: struct; record: map; nullable and
 * optional: nullable; default, prefault and readonly: the inner schema's. Those of `domain/fields.ts` say
 * theirs.
 *
 * @throws {Error} that names the column whose type no table can hold
 */
export function columnsOf(row: z.ZodObject): Column[] {
  return Object.entries(row.shape).map(([name, schema]) => column(name, schema as z.core.$ZodType, name));
}

/** What to say instead of a type of zod's that no column has. */
const cures: Readonly<Record<string, string>> = {
  bigint: ' Use int64() or decimal() of domain/fields.ts.',
  date: ' Use date() or timestamp() of domain/fields.ts.',
};

function column(name: string, schema: z.core.$ZodType, path: string): Column {
  return { name, ...typeOf(schema, path) };
}

function typeOf(schema: z.core.$ZodType, path: string): { type: ColumnType; nullable: boolean } {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'nullable':
    case 'optional':
      return { type: typeOf(def.innerType, path).type, nullable: true };
    // Their output is that of the inner schema, and always a value.
    case 'default':
    case 'prefault':
    case 'readonly':
      return typeOf(def.innerType, path);
    case 'string':
      return { type: { kind: textKind(formatted(schema), path) }, nullable: false };
    case 'enum':
      if (Object.values(def.entries).some((entry) => typeof entry !== 'string')) {
        throw new Error(`Column ${path}: an enum's values must be text.`);
      }
      return { type: { kind: 'string' }, nullable: false };
    case 'number':
      return { type: { kind: numberKind(formatted(schema)) }, nullable: false };
    case 'boolean':
      return { type: { kind: 'boolean' }, nullable: false };
    case 'array': {
      const element = typeOf(def.element, `${path}[]`);
      return { type: { kind: 'list', element: element.type, nullable: element.nullable }, nullable: false };
    }
    case 'record': {
      const key = (def.keyType as z.core.$ZodTypes)._zod.def;
      if (key.type !== 'string')
        throw new Error(`Column ${path}: the names of a z.record() must be z.string().`);
      const value = typeOf(def.valueType, `${path}{}`);
      return { type: { kind: 'map', value: value.type, nullable: value.nullable }, nullable: false };
    }
    case 'object': {
      const fields = Object.entries(def.shape).map(([name, field]) => column(name, field, `${path}.${name}`));
      return { type: { kind: 'struct', fields }, nullable: false };
    }
    default: {
      const own = fieldTypeOf(schema);
      if (own?.inRow !== undefined)
        throw new Error(`Column ${path}: a row has no texts in a form of their own. Use ${own.inRow}.`);
      if (own !== undefined) return { type: own.column, nullable: false };
      throw new Error(
        `Column ${path}: there is no column type for a zod ${def.type}.${cures[def.type] ?? ''}`,
      );
    }
  }
}

interface Formatted {
  readonly format?: unknown;
  /** For a time: how many digits its fraction has. */
  readonly precision?: unknown;
}

/** The format is in the definition of `z.int32()` and in a check of `z.number().int()`. */
function formatted(schema: z.core.$ZodType): Formatted {
  const { def } = schema._zod;
  if ('format' in def) return def;
  return (def.checks ?? []).map((check) => check._zod.def).find((each) => 'format' in each) ?? {};
}

function textKind({ format, precision }: Formatted, path: string): 'string' | 'date' | 'timestamp' {
  if (format === 'date') return 'date';
  if (format !== 'datetime') return 'string';
  if (typeof precision === 'number' && precision > TIMESTAMP_PRECISION) {
    const cure = `Set precision: ${TIMESTAMP_PRECISION} and cut the other digits in the transform, or make it a z.string().`;
    throw new Error(
      `Column ${path}: a timestamp has ${TIMESTAMP_PRECISION} digits below the second, not ${precision}. ${cure}`,
    );
  }
  return 'timestamp';
}

function numberKind({ format }: Formatted): 'int32' | 'int64' | 'double' {
  if (format === 'int32') return 'int32';
  return format === 'uint32' || format === 'safeint' ? 'int64' : 'double';
}
