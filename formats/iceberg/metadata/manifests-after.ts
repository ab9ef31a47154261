import { type DataFile, type Partition, status } from '../manifest/data-file.ts';
import { isLive, manifestBytes, manifestKind, type ResolvedEntry } from '../manifest/manifest.ts';
import { type ManifestFile, manifestFile } from '../manifest/manifest-list.ts';
import { type TypedField, typedFields } from '../values/partition-values.ts';
import { compareValues, deserialize } from '../values/single-value.ts';
import { metadataPath, type NewFile, type ReadFile } from './files.ts';
import { currentSchema, type Snapshot, specOf, type TableMetadata } from './metadata.ts';
import { hasLive, manifestsOf, openManifests } from './snapshot-manifests.ts';

/** Java's `commit.manifest.target-size-bytes`. */
const TARGET_BYTES = 8 * 1024 * 1024;
/** Some hundred bytes each: about the target's size. */
const ENTRIES_PER_MANIFEST = 20_000;

/** Thrown if files to be removed are not in the table: someone else removed them. */
export class NotLive extends Error {
  readonly paths: readonly string[];

  constructor(paths: readonly string[]) {
    const more = paths.length > 1 ? ` and ${paths.length - 1} more` : '';
    super(
      `${paths[0]}${more} can't be removed, since the table does not have it: read the table's files anew.`,
    );
    this.name = 'NotLive';
    this.paths = paths;
  }
}

/** A file that leaves the table. With its partition, fewer manifests are read to find it. */
export interface Removal {
  readonly path: string;
  readonly partition?: Partition;
}

export interface NewSnapshot {
  /** Of the table before. */
  readonly metadata: TableMetadata;
  readonly read: ReadFile;
  readonly snapshotId: number;
  readonly sequenceNumber: number;
  readonly uuid: string;
}

/** The manifests of the next snapshot: those that lose nothing stay as they are. */
export class ManifestsAfter {
  readonly #snapshot: NewSnapshot;
  /** The files that are to be written. */
  readonly created: NewFile[] = [];
  readonly removed: DataFile[] = [];
  #added: ManifestFile[] = [];
  #kept: ManifestFile[] = [];
  #merged = false;

  constructor(snapshot: NewSnapshot) {
    this.#snapshot = snapshot;
  }

  /** New manifests first, as other writers order them. */
  get all(): readonly ManifestFile[] {
    return [...this.#added, ...this.#kept];
  }

  get merged(): boolean {
    return this.#merged;
  }

  /** Begins with the manifests of the snapshot before, without those that only name what was deleted. */
  async open(parent: Snapshot | undefined): Promise<void> {
    this.#kept = (await manifestsOf(parent, this.#snapshot.read)).filter(hasLive);
  }

  add(files: readonly DataFile[]): void {
    const { metadata, snapshotId, sequenceNumber } = this.#snapshot;
    for (let at = 0; at < files.length; at += ENTRIES_PER_MANIFEST) {
      const entries = files.slice(at, at + ENTRIES_PER_MANIFEST).map((dataFile) => ({
        status: status.added,
        snapshotId,
        sequenceNumber,
        fileSequenceNumber: sequenceNumber,
        dataFile,
      }));
      this.#added.push(this.#write(metadata['default-spec-id'], entries));
    }
  }

  /** Rewrites the manifests that lose files; in them, what is lost stands as deleted. @throws {NotLive} */
  async remove(removals: readonly Removal[]): Promise<void> {
    const { metadata, read, snapshotId } = this.#snapshot;
    const left = new Map(removals.map((removal) => [removal.path, removal]));
    if (left.size === 0) return;
    const candidates = this.#kept.filter((each) => each.content === 0 && this.#mayHold(each, removals));
    for await (const { manifest, entries } of openManifests(metadata, candidates, read)) {
      let loses = false;
      const after = entries.filter(isLive).map((entry): ResolvedEntry => {
        if (!left.delete(entry.dataFile.filePath)) return { ...entry, status: status.existing };
        loses = true;
        this.removed.push(entry.dataFile);
        return { ...entry, status: status.deleted, snapshotId };
      });
      if (!loses) continue;
      this.#kept = this.#kept.filter((each) => each !== manifest);
      this.#added.push(this.#write(manifest.partitionSpecId, after));
      if (left.size === 0) break;
    }
    if (left.size > 0) throw new NotLive([...left.keys()]);
  }

  /** Writes the manifests anew that name such files, without them; they do not stand as deleted either. */
  async forget(isForgotten: (path: string) => boolean): Promise<void> {
    const { metadata, read } = this.#snapshot;
    const candidates = this.#kept.filter(({ content }) => content === 0);
    for await (const { manifest, entries } of openManifests(metadata, candidates, read)) {
      const named = entries.filter(({ dataFile }) => isForgotten(dataFile.filePath));
      if (named.length === 0) continue;
      this.removed.push(...named.filter(isLive).map(({ dataFile }) => dataFile));
      const rest = entries.filter((entry) => isLive(entry) && !isForgotten(entry.dataFile.filePath));
      this.#kept = this.#kept.filter((each) => each !== manifest);
      this.#merged = true;
      if (rest.length === 0) continue;
      const after = rest.map((entry): ResolvedEntry => ({ ...entry, status: status.existing }));
      this.#added.push(this.#write(manifest.partitionSpecId, after));
    }
  }

  /** If there are more than `most` small manifests, merges those of before into large ones. */
  async merge(most: number): Promise<void> {
    const { metadata, read } = this.#snapshot;
    const small = this.#kept.filter((each) => each.content === 0 && each.manifestLength < TARGET_BYTES);
    if (small.length + this.#added.length <= most) return;
    for (const group of groupsOf(small)) {
      const entries: ResolvedEntry[] = [];
      for await (const opened of openManifests(metadata, group, read))
        for (const entry of opened.entries.filter(isLive))
          entries.push({ ...entry, status: status.existing });
      const kept = new Set(group);
      this.#kept = this.#kept.filter((each) => !kept.has(each));
      this.#added.push(this.#write((group[0] as ManifestFile).partitionSpecId, entries));
      this.#merged = true;
    }
  }

  #write(specId: number, entries: readonly ResolvedEntry[]): ManifestFile {
    const { metadata, snapshotId, sequenceNumber, uuid } = this.#snapshot;
    const spec = specOf(metadata, specId);
    const current = currentSchema(metadata);
    const kind = manifestKind(spec, [current, ...metadata.schemas.toReversed()]);
    // What is added inherits its numbers, so that a reader finds them in one place: the manifest list.
    const written = entries.map((entry) =>
      entry.status === status.added ? { ...entry, sequenceNumber: null, fileSequenceNumber: null } : entry,
    );
    const bytes = manifestBytes(kind, written);
    const path = metadataPath(metadata.location, `${uuid}-m${this.created.length}.avro`);
    this.created.push({ path, bytes });
    const named = { manifestPath: path, manifestLength: bytes.length, partitionSpecId: specId };
    return manifestFile({ ...named, addedSnapshotId: snapshotId, sequenceNumber }, kind.fields, entries);
  }

  /** Whether a manifest can have one of the files, as far as their partitions tell. */
  #mayHold({ partitions, partitionSpecId }: ManifestFile, removals: readonly Removal[]): boolean {
    const { metadata } = this.#snapshot;
    const fields = typedFields(specOf(metadata, partitionSpecId), metadata.schemas.toReversed());
    return removals.some(
      ({ partition }) => partition === undefined || inSummaries(partition, fields, partitions),
    );
  }
}

function inSummaries(
  partition: Partition,
  fields: readonly TypedField[],
  summaries: ManifestFile['partitions'],
): boolean {
  return fields.every(({ field, type }, i) => {
    const value = partition[field.name];
    const summary = summaries?.[i];
    // The partition is of another spec, or the manifest doesn't tell.
    if (value === undefined || summary === undefined || Number.isNaN(value)) return true;
    if (value === null) return summary.containsNull;
    const { lowerBound, upperBound } = summary;
    if (lowerBound === undefined || upperBound === undefined) return false;
    return (
      compareValues(value, deserialize(type, lowerBound)) >= 0 &&
      compareValues(value, deserialize(type, upperBound)) <= 0
    );
  });
}

/** Manifests of one spec each, together about as long as the target; none alone. */
function* groupsOf(manifests: readonly ManifestFile[]): Generator<ManifestFile[]> {
  for (const ofSpec of Map.groupBy(manifests, (each) => each.partitionSpecId).values()) {
    let group: ManifestFile[] = [];
    let length = 0;
    for (const manifest of ofSpec) {
      if (length + manifest.manifestLength > TARGET_BYTES) {
        if (group.length > 1) yield group;
        group = [];
        length = 0;
      }
      group.push(manifest);
      length += manifest.manifestLength;
    }
    if (group.length > 1) yield group;
  }
}
