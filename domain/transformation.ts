import { type Dataset, Filtered, type Origin } from './dataset.ts';
import type { Reject } from './reject.ts';
import { problemsOf } from './validation.ts';

export type Row = Readonly<Record<string, unknown>>;

/** What became of a valid record. */
export type Transformed = { readonly row: Row } | { readonly filtered: string } | { readonly reject: Reject };

/** Makes the row of a valid record, and holds it against the dataset's row schema: a wrong row never gets into a table. */
export function transformRecord(dataset: Dataset, record: unknown, origin: Origin): Transformed {
  const { recordNumber } = origin;
  let row: Row | Filtered;
  try {
    row = dataset.transform(record, origin);
  } catch (error) {
    const message = `The ${dataset.name} transform failed: ${(error as Error).message}`;
    return {
      reject: { recordNumber, path: '', code: 'transform_failed', message, json: JSON.stringify(record) },
    };
  }
  if (row instanceof Filtered) return { filtered: row.reason };
  const checked = dataset.row.safeParse(row);
  if (checked.success) return { row: checked.data };
  const [first] = problemsOf(checked.error, row);
  return { reject: { recordNumber, ...first, code: 'invalid_row', json: JSON.stringify(record) } };
}
