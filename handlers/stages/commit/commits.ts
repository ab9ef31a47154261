import { PermanentError } from '../../../domain/errors.ts';
import { parsePublicationKey } from '../../../domain/versions/key-layout.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';
import { FileCache } from '../../../lake/file-cache.ts';
import { Ledger } from '../../../store/ledger.ts';
import type { StageContext } from '../context.ts';
import type { Outcome } from '../outcome.ts';
import type { SinkBuckets } from '../removal.ts';
import { CommitGroup } from './commit-group.ts';
import { commitCopies } from './copies.ts';

/** Commits versions: those of one dataset in one batch become one snapshot of its table. */
export class Commits {
  readonly #buckets: SinkBuckets;
  /** By batch and dataset. */
  readonly #groups = new WeakMap<object, Map<string, CommitGroup>>();
  readonly #cache = new FileCache();

  constructor(buckets: SinkBuckets) {
    this.#buckets = buckets;
  }

  /** Brings the lake's table to show what is active of an object, if this event is about that. */
  async commit(event: ObjectEvent, context: StageContext): Promise<Outcome> {
    const published = parsePublicationKey(event.key);
    const dataset = published && context.registry.named(published.dataset);
    if (published === undefined || dataset === undefined) throw notOurs(event);
    const { name } = dataset;
    const ledger = new Ledger(context.store, this.#buckets.ledger);
    const buckets = this.#buckets;
    if (dataset.processedAs === 'csv') return commitCopies({ path: published, ledger, buckets, context });
    const groups = this.#groups.get(context.batch) ?? new Map<string, CommitGroup>();
    this.#groups.set(context.batch, groups);
    const group =
      groups.get(name) ?? new CommitGroup({ dataset, ledger, buckets, context, cache: this.#cache });
    groups.set(name, group);
    return group.join(published, publishedAt(event));
  }
}

/** Only the event of S3 itself tells when a document was written: others are made later. */
const publishedAt = ({ reason, time }: ObjectEvent) => (reason === 'PutObject' ? Date.parse(time) : 0);

function notOurs({ bucket, key }: ObjectEvent): PermanentError {
  const message = `s3://${bucket}/${key} publishes nothing. Upload to the raw bucket instead.`;
  return new PermanentError('unreadable_part', message, { stage: 'commit' });
}
