import { paginateGetPartitions } from '@aws-sdk/client-glue';
import { queueDepth } from '../../../cli/target/queue-state.ts';
import type { Target } from '../../../cli/target/target.ts';
import { VERIFICATION } from '../../../domain/dataset.ts';
import { listVersions } from '../../../store/listing.ts';

/** Everything of the probe objects that is left in any bucket, in the catalog, or in extraction's DLQ. */
export async function leftBehind(target: Target): Promise<string[]> {
  const left: string[] = [];
  for (const bucket of Object.values(target.outputs.buckets))
    for await (const { key } of listVersions(target, bucket)) if (key.includes(VERIFICATION)) left.push(key);
  const table = { DatabaseName: target.outputs.catalog.database, TableName: VERIFICATION };
  for await (const { Partitions = [] } of paginateGetPartitions({ client: target.glue }, table))
    left.push(...Partitions.flatMap(({ Values = [] }) => Values));
  const { waiting, inFlight } = await queueDepth(target, target.outputs.deadLetterQueues.extraction);
  return [...left, ...Array.from({ length: waiting + inFlight }, () => 'a dead letter')];
}
