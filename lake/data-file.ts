import type { Dataset } from '../domain/dataset.ts';
import { parseDataKey } from '../domain/versions/key-layout.ts';
import type { StoredObject } from '../domain/versions/receipt.ts';
import type { DataFile } from '../formats/iceberg/manifest/data-file.ts';
import { specOf, type TableMetadata } from '../formats/iceberg/metadata/metadata.ts';
import { partitionOf, typedFields } from '../formats/iceberg/values/partition-values.ts';
import { partitionValues } from '../formats/lake-file.ts';

/** A file of a version as a table's manifest describes it. */
export function dataFile(
  { key, records, bytes }: StoredObject,
  { dataset, bucket, metadata }: { dataset: Dataset; bucket: string; metadata: TableMetadata },
): DataFile {
  const { partitionPath = '' } = parseDataKey(key) ?? {};
  const spec = specOf(metadata, metadata['default-spec-id']);
  const fields = typedFields(spec, metadata.schemas.toReversed());
  return {
    filePath: `s3://${bucket}/${key}`,
    fileFormat: 'PARQUET',
    partition: partitionOf(fields, partitionValues(dataset, partitionPath) ?? {}),
    recordCount: records,
    fileSizeInBytes: bytes,
  };
}
