import { PUBLICATIONS, type Stage, WHOLE } from '../../domain/stage.ts';
import { type LedgerPlace, parsePublicationKey, type VersionPath } from '../../domain/versions/key-layout.ts';
import { COMMITTED_VERSIONS, mentions, REMOVED_VERSIONS } from '../../domain/versions/table-mentions.ts';
import { parseMetadata, type Snapshot } from '../../formats/iceberg/metadata/metadata.ts';
import { glueCatalog } from '../../lake/glue-catalog.ts';
import { readUri } from '../../lake/table-files.ts';
import { listObjects } from '../../store/listing.ts';
import { s3ObjectStore } from '../../store/object-store.ts';
import type { Target } from '../target/target.ts';
import { count } from '../terminal/terminal.ts';

/** When versions of an object were published, and when they came into their table and left it. */
export async function shownMoments(target: Target, place: LedgerPlace) {
  const published = await publications(target, place);
  const dataset = target.registry.named(place.dataset);
  if (dataset === undefined || dataset.processedAs === 'csv' || published.length === 0) return published;
  const paths = published.map(({ versionId: version }) => ({ ...place, version }));
  const snapshots = await snapshotsOf(target, dataset.name);
  return [...published, ...snapshots.flatMap((snapshot) => commits(snapshot, paths))];
}

/** By the document of the last part, which is written last. */
async function publications({ s3, outputs }: Target, { dataset, objectId }: LedgerPlace) {
  const prefix = `${PUBLICATIONS}${dataset}/${objectId}/`;
  const moments: Moment[] = [];
  for await (const { Key, LastModified } of listObjects({ s3 }, outputs.buckets.ledger, prefix)) {
    const published = parsePublicationKey(Key);
    if (published === undefined || !Key.endsWith(WHOLE)) continue;
    const { part, version: versionId } = published;
    const of = { at: LastModified?.getTime() ?? 0, rounded: true, versionId };
    moments.push(
      part === undefined
        ? { ...of, stage: 'extraction', what: 'published: it is deleted' }
        : { ...of, stage: 'transformation', what: `published, with ${count(part + 1, 'part')}` },
    );
  }
  return moments;
}

interface Moment {
  readonly at: number;
  readonly rounded?: boolean;
  readonly versionId: string;
  readonly stage: Stage;
  readonly what: string;
}

async function snapshotsOf({ s3, glue, outputs }: Target, table: string): Promise<readonly Snapshot[]> {
  const pointer = await glueCatalog(outputs.catalog.database, glue).find(table);
  if (pointer === undefined) return [];
  return parseMetadata(await readUri(s3ObjectStore(s3), pointer.metadata)).snapshots;
}

/** What a snapshot did to these versions. */
function commits(snapshot: Snapshot, paths: readonly VersionPath[]): Moment[] {
  const { summary, 'timestamp-ms': at, 'snapshot-id': id, 'sequence-number': sequence } = snapshot;
  const which = `snapshot ${id}, number ${sequence}`;
  return paths.flatMap((path) => {
    const of = { at, versionId: path.version, stage: 'commit' as const };
    return [
      ...(mentions(summary[COMMITTED_VERSIONS], path) ? [{ ...of, what: `committed: ${which}` }] : []),
      ...(mentions(summary[REMOVED_VERSIONS], path)
        ? [{ ...of, what: `removed from the table: ${which}` }]
        : []),
    ];
  });
}
