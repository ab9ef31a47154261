import * as z from 'zod';
import { PermanentError } from '../../domain/errors.ts';
import { decode } from '../../domain/records/decoding/decode.ts';
import type { Source } from '../../domain/records/decoding/source.ts';
import { readRecord } from '../../domain/records/validation.ts';
import type { SourceFormat } from '../../domain/source-format.ts';
import { UserError } from '../terminal/user-error.ts';
import { avroTypes } from './avro-types.ts';
import type { FieldType } from './field-type.ts';
import { parquetTypes } from './parquet-types.ts';
import { sniff } from './sniff.ts';
import { Values } from './values.ts';

/** How many records are read. */
const MOST_RECORDS = 50_000;

/** What is known of a file: its format, and the values of each field. */
export interface Sample {
  readonly format: SourceFormat;
  readonly fields: ReadonlyMap<string, Values>;
  /** The types of the fields, if the format says them. */
  readonly types?: ReadonlyMap<string, FieldType>;
  /** How many records were read; those that can't be read are not counted. */
  readonly count: number;
  readonly isAll: boolean;
}

/** Reads the beginning of a file, of whatever format. @throws {UserError} if it has no records */
export async function sampleOf(open: Source): Promise<Sample> {
  const sniffed = await sniff(open);
  const columns = 'columns' in sniffed ? sniffed.columns : [];
  const record = z.object(Object.fromEntries(columns.map((name) => [name, z.string().optional()])));
  const fields = new Map(columns.map((name) => [name, new Values()]));
  const isText = sniffed.format.format === 'csv';
  let count = 0;
  let isAll = true;
  try {
    for await (const batch of decode({ source: { prefix: '', ...sniffed.format }, record }, open)) {
      for (const raw of batch) {
        const reading = readRecord(raw);
        if ('code' in reading || typeof reading.value !== 'object' || reading.value === null) continue;
        count += 1;
        for (const [name, value] of Object.entries(reading.value)) {
          const values = fields.get(name) ?? new Values();
          fields.set(name, values);
          values.add(value, isText);
        }
      }
      if (count >= MOST_RECORDS) {
        isAll = false;
        break;
      }
    }
  } catch (error) {
    if (!(error instanceof PermanentError) || count === 0)
      throw error instanceof PermanentError ? new UserError(error.message) : error;
  }
  const types = await typesOf(sniffed.format, open);
  // A schema says enough.
  if (count === 0) for (const name of types?.keys() ?? []) fields.set(name, new Values());
  if (count === 0 && (types?.size ?? 0) === 0)
    throw new UserError('The file has no record that can be read: take one with some.');
  return { format: withNulls(sniffed.format, fields), fields, count, isAll, ...(types && { types }) };
}

/** The types that a format says itself. */
async function typesOf({ format }: SourceFormat, open: Source) {
  if (format === 'parquet') return parquetTypes(open);
  return format === 'avro' ? avroTypes(open) : undefined;
}

/** A text stands for nothing if it does in a column whose other values are no text. */
function withNulls(format: SourceFormat, fields: ReadonlyMap<string, Values>): SourceFormat {
  if (format.format !== 'csv') return format;
  const typed = [...fields.values()].filter(({ kinds }) => kinds.size > 0 && !kinds.has('string'));
  const nulls = [...new Set(typed.flatMap((values) => [...values.nulls]))].sort();
  return nulls.length === 0 ? format : { ...format, nulls };
}
