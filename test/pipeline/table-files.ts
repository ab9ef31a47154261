import { EntityNotFoundException, GetTableCommand } from '@aws-sdk/client-glue';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import type { Target } from '../../cli/target/target.ts';
import { parseMetadata } from '../../formats/iceberg/metadata/metadata.ts';
import { liveFiles } from '../../formats/iceberg/metadata/snapshot-manifests.ts';
import { parseS3Uri } from '../../lake/table-files.ts';

/** The keys of the files that an Iceberg table of the lake shows now; none before its first commit. */
export async function tableFiles({ glue, s3, outputs }: Target, table: string): Promise<string[]> {
  const read = async (uri: string) => {
    const { bucket, key } = parseS3Uri(uri);
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  };
  const location = await glue
    .send(new GetTableCommand({ DatabaseName: outputs.catalog.database, Name: table }))
    .then(({ Table }) => Table?.Parameters?.['metadata_location'])
    .catch((error: unknown) => {
      if (error instanceof EntityNotFoundException) return undefined;
      throw error;
    });
  if (location === undefined) return [];
  const files = await liveFiles(parseMetadata(await read(location)), read);
  return files.map(({ filePath }) => parseS3Uri(filePath).key);
}
