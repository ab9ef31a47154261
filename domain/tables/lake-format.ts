import type { Dataset } from '../dataset.ts';

/** The formats that the files of the lake can have. */
export type LakeFormat = 'parquet' | 'csv';

/** What a dataset's files in the processed bucket are. */
export function lakeFormat(_dataset: Dataset): LakeFormat {
  return 'parquet';
}
