import { paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { objectId, UNKNOWN_DATASET } from '../../domain/versions/key-layout.ts';
import { type KnownEntry, Ledger } from '../../store/ledger.ts';
import { s3ObjectStore } from '../../store/object-store.ts';
import type { Target } from '../target/target.ts';

export function ledgerOf({ s3, outputs }: Target): Ledger {
  return new Ledger(s3ObjectStore(s3), outputs.buckets.ledger);
}

/**
 * The ledger entry of a key. If no dataset reads the key, its entry may be under the name of a dataset that
 * is gone.
 */
export async function entryOf(target: Target, key: string): Promise<KnownEntry | undefined> {
  const dataset = target.registry.of(key)?.name;
  const known = await ledgerOf(target).known({
    dataset: dataset ?? UNKNOWN_DATASET,
    objectId: objectId(key),
  });
  if (known !== undefined || dataset !== undefined) return known;
  return entryInGone(target, key, await goneDatasets(target));
}

/** The ledger entry of a key under the name of a dataset that is gone. */
export async function entryInGone(
  target: Target,
  key: string,
  gone: readonly string[],
): Promise<KnownEntry | undefined> {
  for (const dataset of gone) {
    const known = await ledgerOf(target).known({ dataset, objectId: objectId(key) });
    if (known !== undefined) return known;
  }
  return undefined;
}

/** The names of datasets that have entries in the ledger but are gone. */
export async function goneDatasets({ s3, outputs, registry }: Target): Promise<string[]> {
  const names: string[] = [];
  const request = { Bucket: outputs.buckets.ledger, Prefix: 'heads/', Delimiter: '/' };
  for await (const { CommonPrefixes = [] } of paginateListObjectsV2({ client: s3 }, request))
    for (const { Prefix = '' } of CommonPrefixes) names.push(Prefix.split('/')[1] ?? '');
  return names.filter((name) => registry.isGone(name));
}
