import type { Dataset, RecordSource } from '../dataset.ts';
import type { InputRecord } from './decoding/decode.ts';
import type { Reading } from './decoding/reading.ts';
import type { Reject } from './reject.ts';
import { type Row, transformRecord } from './transformation.ts';
import { readRecord, validate } from './validation.ts';

/** What becomes of a record: a row, with the valid record that it was made of; or why there is none. */
export type Processed =
  | { readonly row: Row; readonly record: unknown }
  | { readonly filtered: string }
  | { readonly reject: Reject };

/**
 * Reads, validates and transforms a record. Whoever wants to know what becomes of a record asks this: the
 * transformation, a trial, an explanation.
 */
export function processRecord(dataset: Dataset, record: InputRecord, origin: RecordSource): Processed {
  return processReading(dataset, readRecord(record), origin);
}

/** The same of a record that was read. */
export function processReading(dataset: Dataset, reading: Reading, origin: RecordSource): Processed {
  const validated = validate(dataset, reading, origin.recordNumber);
  if ('reject' in validated) return validated;
  const { value } = validated;
  const transformed = transformRecord(dataset, value, origin);
  return 'row' in transformed ? { row: transformed.row, record: value } : transformed;
}
