import { randomUUID } from 'node:crypto';
import type { Dataset } from '../../../domain/dataset.ts';
import { TransientError } from '../../../domain/errors.ts';
import { type PublishedPath, type VersionPath, versionPath } from '../../../domain/versions/key-layout.ts';
import { isSameEvent, isShownBy, withCommitted } from '../../../domain/versions/ledger.ts';
import { publishedInEntry } from '../../../domain/versions/publication.ts';
import type { StoredObject } from '../../../domain/versions/receipt.ts';
import { COMMITTED_VERSIONS, mentioned, mentions } from '../../../domain/versions/table-mentions.ts';
import { type ActiveEntry, activeObject, isActive } from '../../../domain/versions/version-status.ts';
import { NotLive } from '../../../formats/iceberg/metadata/manifests-after.ts';
import type { Snapshot } from '../../../formats/iceberg/metadata/metadata.ts';
import type { FileCache } from '../../../lake/file-cache.ts';
import { Conflict, IcebergTable, type TableChange, type TableState } from '../../../lake/iceberg-table.ts';
import type { KnownEntry, Ledger } from '../../../store/ledger.ts';
import { settleAll } from '../../../store/settle-all.ts';
import type { StageContext } from '../context.ts';
import { type Outcome, withoutRecords } from '../outcome.ts';
import type { SinkBuckets } from '../removal.ts';
import { removeSuperseded } from '../supersede.ts';
import { commitEvent } from './commit-event.ts';
import { olderVersions } from './older-versions.ts';
import { type Leaving, RowsOut } from './rows-out.ts';
import { ShownVersions } from './shown-versions.ts';

/** How long the first of a group waits for the others, in milliseconds: they come in the same batch. */
const GATHER_MS = 20;

/** How often a commit is tried on fresh metadata while others commit, with a pause between. */
const ATTEMPTS = 10;
const PAUSE_MS = 50;

interface GroupOptions {
  readonly dataset: Dataset;
  readonly ledger: Ledger;
  readonly buckets: SinkBuckets;
  readonly context: StageContext;
  readonly cache: FileCache;
}

interface Member {
  /** Of the last part of the version, or of a deletion. */
  readonly path: PublishedPath;
  /** When it was published, as far as the message tells. Milliseconds since the epoch. */
  readonly since: number;
  readonly settle: (outcome: Outcome) => void;
  readonly fail: (error: unknown) => void;
}

/** What a commit is to do with one object. */
interface Change {
  readonly path: PublishedPath;
  readonly entry: ActiveEntry;
  /** The same as it was read. */
  readonly known: KnownEntry;
  /** Whether the table is still to show the active version. */
  readonly adds: boolean;
  /** Versions that the table is to show no more. */
  readonly removes: readonly VersionPath[];
  /** Reads the version's files, once. */
  readonly files: () => Promise<StoredObject[]>;
  /** Whether somebody may be committing an older version, as he found table and ledger before. */
  readonly mayRace: boolean;
}

/** Versions of one dataset that are committed together. */
export class CommitGroup {
  readonly #options: GroupOptions;
  readonly #table: IcebergTable;
  #waiting: Member[] = [];
  #isGathering = false;

  constructor(options: GroupOptions) {
    this.#options = options;
    const { dataset, context, buckets, cache } = options;
    const { store, catalog, tableSchema, now } = context;
    if (catalog === undefined) throw new TypeError('The commit has no catalog.');
    const schema = tableSchema(dataset);
    this.#table = new IcebergTable({
      dataset,
      schema,
      bucket: buckets.processed,
      store,
      catalog,
      now,
      cache,
    });
  }

  /** Has a version committed with the others that join in time. */
  join(path: PublishedPath, since: number): Promise<Outcome> {
    const { promise, resolve: settle, reject: fail } = Promise.withResolvers<Outcome>();
    this.#waiting.push({ path, since, settle, fail });
    if (!this.#isGathering) {
      this.#isGathering = true;
      void this.#gather();
    }
    return promise;
  }

  async #gather(): Promise<void> {
    let members: Member[] = [];
    try {
      await this.#options.context.wait(GATHER_MS);
    } finally {
      this.#isGathering = false;
      members = this.#waiting;
      this.#waiting = [];
    }
    try {
      await this.#commit(members);
    } catch (error) {
      for (const { fail } of members) fail(error);
    }
  }

  /** Two messages of one group about one object get the same answer. */
  async #commit(members: readonly Member[]): Promise<void> {
    const { context } = this.#options;
    let trustsLedger = true;
    let conflict: Conflict | undefined;
    const rowsOut = new RowsOut(this.#table, randomUUID);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      // The table is read before the ledger: if nobody commits in between, the ledger's answer still holds.
      const state = await this.#table.read(conflict);
      const shown = new ShownVersions(this.#table, state, { trustsLedger });
      const planned = await this.#plan(members, shown);
      const changes = [...new Map(planned.map((change) => [change.path.objectId, change])).values()];
      const isNeeded = changes.some(({ adds, mayRace }) => adds || mayRace);
      const snapshot = isNeeded ? await this.#change(state, changes, rowsOut).catch(notLive) : undefined;
      if (snapshot instanceof NotLive) {
        if (!trustsLedger) throw snapshot;
        trustsLedger = false;
        continue;
      }
      if (snapshot instanceof Conflict) {
        conflict = snapshot;
        await context.wait(PAUSE_MS * attempt);
        continue;
      }
      // Before the ledger notes it: an attempt that dies in between tells it again.
      await this.#tell(changes, snapshot, state?.metadata.snapshots);
      await settleAll(changes.map((change) => this.#committed(change, snapshot)));
      for (const { path, settle } of members) settle(this.#outcome(path, changes));
      return;
    }
    const message = `The table ${this.#options.dataset.name} was changed by others ${ATTEMPTS} times in a row.`;
    throw new TransientError('in_progress', message, { stage: 'commit' });
  }

  async #plan(members: readonly Member[], shown: ShownVersions): Promise<Change[]> {
    const { ledger } = this.#options;
    const planned = await settleAll(
      members.map(async ({ path, since }) => {
        const known = await ledger.known(path);
        const entry = known?.entry;
        if (known === undefined || !isActive(entry, path)) return [];
        const files = once(
          async () => publishedInEntry(entry, path)?.files ?? this.#filesOf(path, path.part),
        );
        return [{ ...(await planOf(path, since, entry, shown)), path, entry, known, files }];
      }),
    );
    return planned.flat();
  }

  async #change(
    state: TableState | undefined,
    changes: readonly Change[],
    rowsOut: RowsOut,
  ): Promise<Snapshot | undefined | Conflict> {
    const files = await settleAll(changes.map(async ({ files, adds }) => (adds ? await files() : [])));
    const leaving = await settleAll(
      changes.flatMap(({ entry: { key }, removes }) =>
        removes.map(async (path): Promise<Leaving> => ({ key, path, files: await this.#filesOf(path) })),
      ),
    );
    const committed = changes.filter(({ adds }) => adds).map(({ path }) => path);
    const removed = changes.flatMap(({ removes }) => removes);
    const change: TableChange = {
      added: files.flat(),
      removed: leaving.flatMap((each) => each.files.map(({ key }) => key)),
      summary: mentioned({ committed, removed }),
    };
    try {
      return await this.#table.commit(state, change);
    } catch (error) {
      if (state === undefined || !(error instanceof NotLive)) throw error;
      return this.#table.commit(state, await rowsOut.of(change, state, leaving, error));
    }
  }

  async #committed({ path, entry, known }: Change, snapshot: Snapshot | undefined): Promise<void> {
    const { ledger, buckets, context } = this.#options;
    const { type, sequencer, versionId } = entry.current;
    const of = snapshot && {
      snapshot: String(snapshot['snapshot-id']),
      sequence: snapshot['sequence-number'],
    };
    const settled = await ledger.change(
      path,
      (latest) => {
        // Without a snapshot it holds of the table as it was read: who has committed another event since, one
        // that took the place of this, knows better.
        const isPast =
          snapshot === undefined &&
          !isSameEvent(entry.current, latest?.current) &&
          !isSameEvent(latest?.committed, entry.committed);
        if (latest === undefined || isPast) return latest;
        return withCommitted(latest, { ...entry.committed, ...of, type, sequencer, versionId });
      },
      known,
    );
    await removeSuperseded(settled, ledger, context.store, buckets);
  }

  /**
   * @param known the table's snapshots before this commit: one of them may be that of an attempt that died
   */
  async #tell(
    changes: readonly Change[],
    made: Snapshot | undefined,
    known: readonly Snapshot[] = [],
  ): Promise<void> {
    const { announce } = this.#options.context;
    if (announce === undefined) return;
    const events = await settleAll(
      changes
        .filter(({ entry }) => !isShownBy('committed', entry))
        .map(async ({ path, entry, files }) => {
          const snapshot =
            made ?? known.findLast(({ summary }) => mentions(summary[COMMITTED_VERSIONS], path));
          return commitEvent(entry, entry.current.type === 'created' ? await files() : [], snapshot);
        }),
    );
    await announce(events);
  }

  /** @param last see `publishedParts` */
  async #filesOf(path: VersionPath, last?: number): Promise<StoredObject[]> {
    return (await this.#options.ledger.publishedParts(path, last)).flatMap(({ files }) => files);
  }

  #outcome(path: VersionPath, changes: readonly Change[]): Outcome {
    const { name } = this.#options.dataset;
    const change = changes.find(
      (each) => each.path.objectId === path.objectId && each.path.version === path.version,
    );
    if (change === undefined) return withoutRecords(name, 'stale');
    const { entry } = change;
    const object = activeObject(entry);
    if (isShownBy('committed', entry)) return withoutRecords(name, 'duplicate', object);
    return withoutRecords(name, entry.current.type === 'created' ? 'done' : 'retracted', object);
  }
}

function once<Value>(read: () => Promise<Value>): () => Promise<Value> {
  let value: Promise<Value> | undefined;
  return () => {
    value ??= read();
    return value;
  };
}

/**
 * What is to be done so that a table shows just the active version of an object, or nothing if it is deleted.
 */
async function planOf(
  path: VersionPath,
  since: number,
  entry: ActiveEntry,
  shown: ShownVersions,
): Promise<Pick<Change, 'adds' | 'removes' | 'mayRace'>> {
  const { current, committed, dataset, key } = entry;
  const isNoted = ({ version }: VersionPath) =>
    committed?.type === 'created' &&
    versionPath({ dataset, key, versionId: committed.versionId }).version === version;
  const older = olderVersions(entry);
  const areShown = await settleAll(
    older.map((each) => shown.has(each, { key, isNoted: isNoted(each), since: 0 })),
  );
  return {
    adds: current.type === 'created' && !(await shown.has(path, { key, isNoted: isNoted(path), since })),
    removes: older.filter((_, i) => areShown[i]),
    mayRace: older.length > 0,
  };
}

/** The error of a commit that was to remove what the table does not have. */
function notLive(error: unknown): NotLive {
  if (error instanceof NotLive) return error;
  throw error;
}
