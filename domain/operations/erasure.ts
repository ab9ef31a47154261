import {
  objectId,
  parseFailedKey,
  parseFileKey,
  parseLedgerKey,
  parsePublicationKey,
  type VersionPath,
  versionSegment,
} from '../versions/key-layout.ts';
import { decide, type LedgerEntry } from '../versions/ledger.ts';
import { isVersion, parseRevision } from '../versions/revision.ts';
import { deletionOf } from './sweep.ts';

/** The buckets in the order in which an erasure empties them. */
export const erasedBuckets = ['raw', 'temp', 'failed', 'processed', 'archive', 'ledger'] as const;
export type ErasedBucket = (typeof erasedBuckets)[number];

/** A ledger entry has no version: it belongs to all versions of its key. */
type Path = Pick<VersionPath, 'objectId'> & { readonly version: string | undefined };

/**
 * What an erasure takes: everything of some keys, or everything of one key but one version of it, in all of
 * its revisions.
 */
export class ErasureScope {
  readonly keys: readonly string[];
  /** The version that stays. */
  readonly keeping: string | undefined;
  /** Every file of the lake and of the archive that it takes begins so. */
  readonly filePrefix: string;
  readonly #ids: ReadonlySet<string>;

  constructor(keys: readonly string[], keeping?: string, filePrefix = '') {
    this.keys = [...new Set(keys)];
    this.keeping = keeping;
    this.filePrefix = filePrefix;
    this.#ids = new Set(this.keys.map(objectId));
  }

  /**
   * Whether a version in a bucket is to be erased. Object ids are compared whole, hash included: they belong
   * to one key, whatever the dataset in front of them.
   */
  takes(bucket: ErasedBucket, key: string, versionId: string): boolean {
    if (bucket === 'raw') return this.keys.includes(key) && versionId !== this.keeping;
    const path = pathIn(bucket, key);
    return path !== undefined && this.takesPath(path);
  }

  /** Whether what was derived from a version is to be erased. */
  takesPath({ objectId: id, version }: Path): boolean {
    if (!this.#ids.has(id)) return false;
    if (this.keeping === undefined) return true;
    return version !== undefined && parseRevision(version).versionId !== versionSegment(this.keeping);
  }

  /** The same of a version by its key and its name, with its revision. */
  takesVersion(key: string, name: string): boolean {
    return this.keys.includes(key) && (this.keeping === undefined || !isVersion(name, this.keeping));
  }
}

/** The version that a file was derived from. */
function pathIn(bucket: Exclude<ErasedBucket, 'raw'>, key: string): Path | undefined {
  switch (bucket) {
    case 'temp': {
      // Everything under a version's prefix is its own, whatever its name.
      const [dataset, id, version, rest] = key.split('/', 4);
      return dataset && id && version && rest ? { objectId: id, version } : undefined;
    }
    case 'failed':
      return parseFailedKey(key);
    case 'ledger': {
      const place = parseLedgerKey(key) ?? parsePublicationKey(key);
      return place && { objectId: place.objectId, version: place.version };
    }
    default:
      return parseFileKey(key);
  }
}

/**
 * The ledger entry after a deletion of everything that it knows, also if the dataset keeps the rows of
 * deleted objects. From then on, no stage stores anything of these versions: work that is under way removes
 * its own output.
 */
export function fenced(entry: LedgerEntry): LedgerEntry {
  if (entry.current?.type !== 'created' && entry.attempts.length === 0) return entry;
  const event = { ...deletionOf(entry), bucket: '', time: '', reason: 'Erasure' };
  const claim = { message: '', invocation: '', codeVersion: '', now: 0, deadline: 0 };
  const decision = decide(entry, event, { ...claim, dataset: entry.dataset, onDelete: 'retract' });
  return 'next' in decision ? decision.next : entry;
}
