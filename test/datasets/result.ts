import type { Dataset } from '../../domain/dataset.ts';
import { decode } from '../../domain/records/decoding/decode.ts';
import type { Source } from '../../domain/records/decoding/source.ts';
import { PermanentError } from '../../domain/errors.ts';
import { processRecord } from '../../domain/records/processing.ts';
import { count, type Tally } from '../../domain/versions/receipt.ts';
import type { Reject } from '../../domain/records/reject.ts';
import type { Row } from '../../domain/records/transformation.ts';

/** What extraction and transformation together make of an object. */
export interface Result {
  readonly rows: readonly { readonly record: number; readonly row: Row }[];
  readonly rejects: readonly Reject[];
  readonly filtered: Tally;
  readonly fault: string | undefined;
}

export async function resultOf(dataset: Dataset, key: string, open: Source): Promise<Result> {
  const rows: Result['rows'][number][] = [];
  const rejects: Reject[] = [];
  const filtered: Tally = {};
  let fault: string | undefined;
  let recordNumber = 0;
  try {
    for await (const records of decode(dataset, open)) {
      for (const raw of records) {
        recordNumber += 1;
        const made = processRecord(dataset, raw, { key, recordNumber });
        if ('row' in made) rows.push({ record: recordNumber, row: made.row });
        else if ('reject' in made) rejects.push(made.reject);
        else count(filtered, made.filtered);
      }
    }
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    fault = error.code;
  }
  return { rows, rejects, filtered, fault };
}
