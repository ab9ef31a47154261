import type { Dataset } from '../domain/dataset.ts';
import { parseDataKey } from '../domain/versions/key-layout.ts';
import type { StoredObject } from '../domain/versions/receipt.ts';
import type { DataFile } from '../formats/iceberg/manifest/data-file.ts';
import { specOf, type TableMetadata } from '../formats/iceberg/metadata/metadata.ts';
import { dataFile, fileStatistics } from '../formats/iceberg/values/file-statistics.ts';
import { partitionOf, typedFields } from '../formats/iceberg/values/partition-values.ts';
import { partitionValues } from '../formats/lake-file.ts';

/**
 * A file of a version as its table's manifest describes it. @throws {Error} without statistics of its columns
 */
export function dataFileOf(
  { key, records, bytes, statistics }: StoredObject,
  {
    dataset,
    bucket,
    metadata,
  }: { readonly dataset: Dataset; readonly bucket: string; readonly metadata: TableMetadata },
): DataFile {
  const { partitionPath = '' } = parseDataKey(key) ?? {};
  const spec = specOf(metadata, metadata['default-spec-id']);
  const fields = typedFields(spec, metadata.schemas.toReversed());
  return dataFile({
    path: `s3://${bucket}/${key}`,
    partition: partitionOf(fields, partitionValues(dataset, partitionPath)),
    rows: records,
    bytes,
    statistics: fileStatistics.parse(statistics),
  });
}
