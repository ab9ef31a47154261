import pLimit from 'p-limit';
import { UnreadableDocument } from '../../domain/versions/document.ts';
import { parseFailedKey, rejectsPrefixOf, type VersionPath } from '../../domain/versions/key-layout.ts';
import { isForgotten } from '../../domain/versions/version-status.ts';
import { inBatches } from '../../store/in-batches.ts';
import { type Ledger, READS_AT_ONCE, unreadableDocument } from '../../store/ledger.ts';
import type { ListedFile } from '../../store/listing.ts';

/** When the files of rejects are looked at. Both in milliseconds since the epoch. */
export interface LookedAt {
  /** Older ones were looked at before. */
  readonly after: number;
  /** Younger ones may belong to work that is under way. */
  readonly before: number;
}

/** How many files are judged at a time. */
const BATCH = 1000;

/**
 * The files of rejects of a dataset whose version no ledger entry knows any more, some at a time: a function
 * that worked on a copy of a message died after the version was removed. Rejects of an object without a
 * readable entry are none of them, since an entry that was lost can be rebuilt.
 */
export async function* rejectsOfNoVersion(
  dataset: string,
  list: (prefix: string) => AsyncIterable<ListedFile>,
  ledger: Ledger,
  { after, before }: LookedAt,
): AsyncGenerator<readonly ListedFile[]> {
  const limit = pLimit(READS_AT_ONCE);
  const judged = async (batch: readonly ListedFile[]) => {
    const entries = new Map<string, ReturnType<typeof entryOf>>();
    const entryOf = (path: VersionPath) => limit(() => ledger.entry(path).catch(unreadableDocument));
    const isGone = await Promise.all(
      batch.map(async ({ key }) => {
        const path = parseFailedKey(key);
        if (path === undefined) return false;
        const asked = entries.get(path.objectId) ?? entryOf(path);
        entries.set(path.objectId, asked);
        const entry = await asked;
        return !(entry instanceof UnreadableDocument) && isForgotten(entry, path);
      }),
    );
    return batch.filter((_, i) => isGone[i]);
  };
  const isDue = ({ modified }: ListedFile) => modified >= after && modified < before;
  for await (const batch of inBatches(list(rejectsPrefixOf(dataset)), BATCH, isDue))
    yield await judged(batch);
}
