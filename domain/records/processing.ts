import type { Dataset, RecordSource } from '../dataset.ts';
import { type UnknownFields, unknownFields } from './contracts/unknown-fields.ts';
import { CsvRecord } from './decoding/csv/record.ts';
import type { InputRecord } from './decoding/decode.ts';
import type { Reading } from './decoding/reading.ts';
import type { Reject } from './reject.ts';
import { type Row, transformRecord } from './transformation.ts';
import { MAX_PROBLEMS, readRecord, type Validated, validate } from './validation.ts';

/** What becomes of a record: a row, with the valid record that it was made of; or why there is none. */
export type Processed =
  | { readonly row: Row; readonly record: unknown }
  | { readonly filtered: string }
  | { readonly reject: Reject };

type OnUnknown = (found: UnknownFields) => void;

/**
 * Reads, validates and transforms a record. Whoever wants to know what becomes of a record asks this: the
 * transformation, a trial, an explanation.
 *
 * @param onUnknown told of the fields that the dataset does not name, if the record has any
 */
export function processRecord(
  dataset: Dataset,
  record: InputRecord,
  origin: RecordSource,
  onUnknown?: OnUnknown,
): Processed {
  const value = record instanceof CsvRecord ? record.value() : undefined;
  if (value === undefined) return processByTexts(dataset, record, origin, onUnknown);
  const unknown = unknownFields(dataset, record);
  if (unknown === undefined) return processValid(dataset, value, origin);
  const found = { unknown, json: () => textOf(readRecord(record)) };
  return processValidated(dataset, { value }, found, origin, onUnknown);
}

/** The same, slowly: nothing is read from bytes alone. */
export function processByTexts(
  dataset: Dataset,
  record: InputRecord,
  origin: RecordSource,
  onUnknown?: OnUnknown,
): Processed {
  const reading = readRecord(record);
  // Before the record is validated, which may put texts in the place of values.
  const unknown = 'value' in reading ? unknownFields(dataset, record, reading) : undefined;
  const validated = validate(dataset, reading, origin.recordNumber);
  return processValidated(dataset, validated, { unknown, json: () => textOf(reading) }, origin, onUnknown);
}

function processValidated(
  dataset: Dataset,
  valid: Validated,
  { unknown, json }: { readonly unknown: UnknownFields | undefined; readonly json: () => string },
  origin: RecordSource,
  onUnknown?: OnUnknown,
): Processed {
  if (unknown !== undefined) onUnknown?.(unknown);
  const validated =
    unknown !== undefined && dataset.unknown === 'reject'
      ? withUnknown(valid, unknown, origin.recordNumber, json)
      : valid;
  if ('reject' in validated) return validated;
  return processValid(dataset, validated.value, origin, unknown);
}

function processValid(
  dataset: Dataset,
  record: unknown,
  origin: RecordSource,
  unknown?: UnknownFields,
): Processed {
  const transformed = transformRecord(dataset, record, origin, unknown);
  return 'row' in transformed ? { row: transformed.row, record } : transformed;
}

const textOf = ({ json = '' }: Reading) => (typeof json === 'string' ? json : json());

/** Rejects a record with unknown fields, or lists them among the problems of its reject. */
function withUnknown(
  validated: Validated,
  unknown: UnknownFields,
  recordNumber: number,
  json: () => string,
): Validated {
  const problems = unknown.problems();
  if (!('reject' in validated)) {
    const [first, ...further] = problems;
    if (first === undefined) return validated;
    return { reject: { recordNumber, ...first, ...(further.length > 0 && { further }), json: json() } };
  }
  const { reject } = validated;
  return {
    reject: { ...reject, further: [...(reject.further ?? []), ...problems].slice(0, MAX_PROBLEMS - 1) },
  };
}
