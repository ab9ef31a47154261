import pLimit from 'p-limit';
import { unreadableDocument } from '../../store/ledger.ts';
import { latestOf } from '../../store/listing.ts';
import type { Target } from '../target/target.ts';
import { entryOf } from './ledger.ts';

const AT_ONCE = 16;

/** Of keys, those that neither the raw bucket nor the ledger ever had. */
export async function unknownKeys(target: Target, keys: readonly string[]): Promise<string[]> {
  const limit = pLimit(AT_ONCE);
  const isKnown = async (key: string) =>
    // An entry that can't be read exists.
    (await entryOf(target, key).catch(unreadableDocument)) !== undefined ||
    (await latestOf(target, target.outputs.buckets.raw, key)) !== undefined;
  const known = await Promise.all(keys.map((key) => limit(() => isKnown(key))));
  return keys.filter((_, i) => !known[i]);
}

export function noSuchObject({ outputs }: Target, key: string): string {
  return `There is no object ${key} in ${outputs.buckets.raw}, and there never was. To see the newest objects: npx sluice status`;
}
