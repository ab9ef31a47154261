import { setTimeout as pause } from 'node:timers/promises';
import pLimit from 'p-limit';
import { noteKinds, objectId, parseFailedKey } from '../../domain/versions/key-layout.ts';
import { type ListedVersion, latestOf, listLatest, listObjects } from '../../store/listing.ts';
import { type KeyState, keyState } from '../ledger/states/key-state.ts';
import { isFinal } from '../ledger/states/object-state.ts';
import { TroubleFinder } from '../ledger/states/trouble.ts';
import type { Target } from '../target/target.ts';
import { Refreshed } from './refreshed.ts';

/** What the failed bucket says of an object, by the folders that it has there. */
export const marks = [...noteKinds, 'rejects'] as const;
export type Mark = (typeof marks)[number];

export interface ObjectsRequest {
  /** Part of the key; upper and lower case are the same. */
  readonly search: string;
  readonly mark?: Mark | undefined;
  readonly offset: number;
  readonly limit: number;
}

export interface ObjectsPage {
  readonly objects: readonly ListedVersion[];
  /** How many objects fit the request, and how many there are. */
  readonly found: number;
  readonly total: number;
  /** Whether the first listing is under way: more objects will be found. */
  readonly incomplete: boolean;
}

const LIST_MS = 2_000;
const MARKS_MS = 5_000;
/** How long the first answer waits for the whole listing. */
const PATIENCE_MS = 300;
const STATES_AT_ONCE = 16;
const MOST_STATES = 5_000;
/** A state that may change is read again after this time. */
const STATE_MS = 1_500;
/** To look for trouble may be to receive from a DLQ, which hides its messages for a moment. */
const FINDER_MS = 10_000;

interface KnownState {
  readonly state: KeyState;
  readonly versionId: string;
  readonly at: number;
}

/**
 * The objects of the raw bucket, the newest first. S3 lists by key alone, so a listing of the whole bucket is
 * kept in memory, some 200 bytes for each object, and renewed in the background.
 */
export class Objects {
  readonly #target: Target;
  readonly #listing: Refreshed<readonly ListedVersion[]>;
  readonly #marked: Refreshed<ReadonlyMap<string, ReadonlySet<Mark>>>;
  readonly #states = new Map<string, KnownState>();
  readonly #ids = new Map<string, string>();
  readonly #limit = pLimit(STATES_AT_ONCE);
  #soFar: readonly ListedVersion[] = [];
  #byKey = new Map<string, ListedVersion>();
  readonly #touched = new Set<string>();
  #finder: { readonly finder: TroubleFinder; readonly at: number } | undefined;

  constructor(target: Target) {
    this.#target = target;
    this.#listing = new Refreshed(() => this.#list(), LIST_MS);
    this.#marked = new Refreshed(() => this.#listMarks(), MARKS_MS);
  }

  async page({ search, mark, offset, limit }: ObjectsRequest): Promise<ObjectsPage> {
    const first = this.#listing.get();
    const listed = await Promise.race([first, pause(PATIENCE_MS, undefined, { ref: false })]);
    first.catch(() => {});
    const all = listed?.value ?? newestFirst([...this.#soFar]);
    const marked = mark === undefined ? undefined : (await this.#marked.get()).value;
    const wanted = search.toLowerCase();
    const fits = all.filter(
      ({ key }) =>
        (wanted === '' || key.toLowerCase().includes(wanted)) &&
        (mark === undefined || marked?.get(this.#idOf(key))?.has(mark) === true),
    );
    return {
      objects: fits.slice(offset, offset + limit),
      found: fits.length,
      total: all.length,
      incomplete: listed === undefined,
    };
  }

  /** The states of keys; a key that the raw bucket never had has none. */
  async states(keys: readonly string[]): Promise<KeyState[]> {
    const found = await Promise.all(keys.map((key) => this.#limit(() => this.#stateOf(key))));
    return found.filter((state) => state !== undefined);
  }

  /** Something happened to a key since the last listing. */
  touch(key: string): void {
    this.#states.delete(key);
    this.#touched.add(key);
    if (this.#touched.size > MOST_STATES) this.#touched.clear();
  }

  /** Something was put or removed by the page itself: the next listing is made anew. */
  renew(): void {
    this.#listing.forget();
    this.#marked.forget();
  }

  async #stateOf(key: string): Promise<KeyState | undefined> {
    const known = this.#states.get(key);
    if (known !== undefined && Date.now() - known.at < STATE_MS) return known.state;
    const listed = this.#touched.has(key) ? undefined : this.#byKey.get(key);
    const latest = listed ?? (await latestOf(this.#target, this.#target.outputs.buckets.raw, key));
    if (latest === undefined) return undefined;
    this.#touched.delete(key);
    this.#byKey.set(key, latest);
    if (known !== undefined && isSettled(known.state) && known.versionId === latest.versionId)
      return known.state;
    const state = await keyState(this.#target, latest, this.#troubles());
    this.#states.delete(key);
    this.#states.set(key, { state, versionId: latest.versionId, at: Date.now() });
    for (const oldest of this.#states.keys()) {
      if (this.#states.size <= MOST_STATES) break;
      this.#states.delete(oldest);
    }
    return state;
  }

  #troubles(): TroubleFinder {
    if (this.#finder === undefined || Date.now() - this.#finder.at > FINDER_MS)
      this.#finder = { finder: new TroubleFinder(this.#target), at: Date.now() };
    return this.#finder.finder;
  }

  async #list(): Promise<readonly ListedVersion[]> {
    const found: ListedVersion[] = [];
    this.#soFar = found;
    for await (const version of listLatest(this.#target, this.#target.outputs.buckets.raw))
      found.push(version);
    this.#byKey = new Map(found.map((version) => [version.key, version]));
    return newestFirst(found);
  }

  async #listMarks(): Promise<ReadonlyMap<string, ReadonlySet<Mark>>> {
    const marked = new Map<string, Set<Mark>>();
    const bucket = this.#target.outputs.buckets.failed;
    await Promise.all(
      marks.map(async (mark) => {
        for await (const { Key } of listObjects(this.#target, bucket, `${mark}/`)) {
          const path = parseFailedKey(Key);
          if (path === undefined) continue;
          const known = marked.get(path.objectId) ?? new Set<Mark>();
          marked.set(path.objectId, known.add(mark));
        }
      }),
    );
    return marked;
  }

  #idOf(key: string): string {
    const id = this.#ids.get(key) ?? objectId(key);
    this.#ids.set(key, id);
    return id;
  }
}

/** Whether nothing more happens to a state by itself. A replay makes its key touched. */
const isSettled = (state: KeyState) => isFinal(state) && state.notes.length === 0;

const newestFirst = (versions: ListedVersion[]) =>
  versions.sort((a, b) => b.modified - a.modified || (a.key < b.key ? -1 : 1));
