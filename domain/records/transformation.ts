import { type Dataset, Filtered, type RecordSource } from '../dataset.ts';
import { errorText } from '../errors.ts';
import { jsonOf } from '../long.ts';
import { partitionFields, partitionText } from '../partitions.ts';
import { MAX_PARTITION_VALUE, NULL_PARTITION, type Partition } from '../versions/partition-path.ts';
import { failedChecks } from './contracts/row-check.ts';
import type { UnknownFields } from './contracts/unknown-fields.ts';
import type { Problem, Reject } from './reject.ts';
import { matchesFast } from './schema-fast-path.ts';
import { timestampTooFine } from './timestamps.ts';
import { problemsOf } from './validation.ts';

export type Row = Readonly<Record<string, unknown>>;

/** The result for a valid record. */
export type Transformed = { readonly row: Row } | { readonly filtered: string } | { readonly reject: Reject };

/**
 * Makes the row of a valid record, and checks it by the dataset's row schema, so that a wrong row never gets
 * into a table.
 *
 * @param unknown the fields that the dataset does not name, if the record has any
 */
export function transformRecord(
  dataset: Dataset,
  record: unknown,
  origin: RecordSource,
  unknown?: UnknownFields,
): Transformed {
  const { recordNumber } = origin;
  let row: Row | Filtered;
  try {
    row = dataset.transform(record, origin);
  } catch (error) {
    const message = `The ${dataset.name} transform failed: ${errorText(error)}`;
    return {
      reject: { recordNumber, path: '', code: 'transform_failed', message, ...textOf(record) },
    };
  }
  if (row instanceof Filtered) return { filtered: row.reason };
  if (unknown !== undefined && typeof dataset.unknown === 'object')
    row = { ...row, [dataset.unknown.rescue]: unknown.text() };
  const checked = matchesFast(dataset.row, row)
    ? ({ success: true, data: row } as const)
    : dataset.row.safeParse(row);
  const invalid = (problem: Problem): Transformed => ({
    reject: { recordNumber, ...problem, code: 'invalid_row', ...textOf(record) },
  });
  if (!checked.success) return invalid(problemsOf(checked.error, row)[0]);
  const tooFine = timestampTooFine(dataset.row, checked.data);
  if (tooFine !== undefined) {
    const message =
      'has digits below the microsecond, which a timestamp does not hold. Cut them in the transform, or make the column a z.string().';
    return invalid({ path: tooFine, code: 'invalid_row', message });
  }
  if (dataset.checks !== undefined) {
    const [first, ...further] = failedChecks(dataset.checks, checked.data, record);
    if (first !== undefined)
      return {
        reject: { recordNumber, ...first, ...(further.length > 0 && { further }), ...textOf(record) },
      };
  }
  for (const [path, value] of partitionOf(dataset, checked.data)) {
    const message = value === null ? undefined : whyNoPartition(value);
    if (message !== undefined) return invalid({ path, code: 'invalid_row', message });
  }
  return { row: checked.data };
}

/** Why a value can't be part of a file's key, from which it is read back. */
function whyNoPartition(value: string): string | undefined {
  if (value === '') return 'is empty text, which a partition can’t tell from null';
  if (value === NULL_PARTITION) return `is ${NULL_PARTITION}, which means null as the text of a partition`;
  if (value.length > MAX_PARTITION_VALUE)
    return `has ${value.length} characters; the text of a partition has at most ${MAX_PARTITION_VALUE}`;
  return value.isWellFormed() ? undefined : 'has half of a surrogate pair, which is not valid in a key';
}

/** The reject of a record whose row would need one partition more than a part may have. */
export function onePartitionTooMany(
  { partitionBy }: Dataset,
  recordNumber: number,
  record: unknown,
  most: number,
): Reject {
  const path = partitionBy.join();
  const message = `The rows of one part may fall into ${most} partitions at most. Partition by a column with fewer values than ${path}.`;
  return { recordNumber, path, code: 'invalid_row', message, ...textOf(record) };
}

/** A record as JSON text; nothing if it is nested too deeply to be printed. */
function textOf(record: unknown): Pick<Reject, 'json'> {
  try {
    return { json: jsonOf(record) };
  } catch {
    return {};
  }
}

const UNPARTITIONED: Partition = [];

/** The partition that a row falls into. */
export function partitionOf(dataset: Dataset, row: Row): Partition {
  if (dataset.partitionBy.length === 0) return UNPARTITIONED;
  return partitionFields(dataset.partitionBy).map((field) => [
    field.name,
    partitionText(field, row[field.column]),
  ]);
}
