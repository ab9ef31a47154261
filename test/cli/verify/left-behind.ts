import { paginateGetPartitions } from '@aws-sdk/client-glue';
import { queueDepth } from '../../../cli/target/queue-state.ts';
import type { Target } from '../../../cli/target/target.ts';
import { archiveTableName, VERIFICATION } from '../../../domain/dataset.ts';
import { snapshotFiles } from '../../../formats/iceberg/metadata/expire.ts';
import { parseMetadata } from '../../../formats/iceberg/metadata/metadata.ts';
import { glueCatalog } from '../../../lake/glue-catalog.ts';
import { parseS3Uri, readUri } from '../../../lake/table-files.ts';
import { type ListedVersion, listVersions } from '../../../store/listing.ts';
import { s3ObjectStore } from '../../../store/object-store.ts';

/**
 * Everything of the probe objects that is left in any bucket, in any snapshot of their table, among the
 * partitions of their archive, or in extraction's DLQ. The table itself may stay: its metadata files, and the
 * lists of its snapshots, if these list nothing. The same holds for old versions of those that a commit has
 * removed, since another one came first; but no version of a manifest may stay, which names files.
 */
export async function leftBehind(target: Target): Promise<string[]> {
  const table = await tableItself(target);
  const left = [...table.shown];
  for (const bucket of Object.values(target.outputs.buckets))
    for await (const version of listVersions(target, bucket))
      if (version.key.includes(VERIFICATION) && !table.own.has(`s3://${bucket}/${version.key}`))
        if (!isOfLostCommit(version)) left.push(version.key);
  const archive = {
    DatabaseName: target.outputs.catalog.database,
    TableName: archiveTableName(VERIFICATION),
  };
  for await (const { Partitions = [] } of paginateGetPartitions({ client: target.glue }, archive))
    left.push(...Partitions.flatMap(({ Values = [] }) => Values));
  const { waiting, inFlight } = await queueDepth(target, target.outputs.deadLetterQueues.extraction);
  return [...left, ...Array.from({ length: waiting + inFlight }, () => 'a dead letter')];
}

/**
 * A delete marker, or an old version of what names no file; or the empty table of who came too late to make
 * it, which the maintenance removes as garbage.
 */
const isOfLostCommit = ({ key, latest, deleted }: ListedVersion) =>
  key.includes('/metadata/') &&
  (deleted || (!latest && !/-m\d+\.avro$/.test(key)) || /\/00000-[^/]+\.metadata\.json$/.test(key));

/** The URIs of the table's own files, and of what its snapshots list. */
async function tableItself({ s3, glue, outputs }: Target) {
  const pointer = await glueCatalog(outputs.catalog.database, glue).find(VERIFICATION);
  if (pointer === undefined) return { own: new Set<string>(), shown: [] };
  const store = s3ObjectStore(s3);
  const read = (uri: string) => readUri(store, uri);
  const metadata = parseMetadata(await read(pointer.metadata));
  const { data, manifests, manifestLists } = await snapshotFiles(metadata, read);
  const log = metadata['metadata-log'].map((each) => each['metadata-file']);
  const shown = [...data, ...manifests].map((uri) => parseS3Uri(uri).key);
  return { own: new Set([pointer.metadata, ...log, ...manifestLists]), shown };
}
