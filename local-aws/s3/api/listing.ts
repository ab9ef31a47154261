import type { Bucket } from '../storage/bucket.ts';
import { compareKeys, isAfter, type Keys, SortedMap } from '../storage/keys.ts';
import type { OpenUpload, StoredObject, Version } from '../storage/model.ts';

export interface Selection {
  readonly prefix: string;
  /** Empty if there is none. */
  readonly delimiter: string;
  /** Maximum of entries and common prefixes together. */
  readonly limit: number;
  /** The last entry or prefix of the previous page. */
  readonly after?: Position | undefined;
}

export interface Position {
  readonly key: string;
  /** `key` is a common prefix: the previous page already covers all keys that begin with it. */
  readonly common: boolean;
  /** The last listed entry if a key has several. */
  readonly id?: string | undefined;
}

interface Page<Entry> {
  readonly entries: Entry[];
  readonly commonPrefixes: string[];
  /** Present if there is more. */
  readonly next?: Position;
}

/** Current objects ("API Reference: ListObjectsV2"). */
export function listObjects(
  bucket: Bucket,
  selection: Selection,
): Page<{ key: string; object: StoredObject }> {
  return paginate(bucket.keys, selection, (key) => {
    const object = bucket.current(key);
    return object ? [{ id: '', entry: { key, object } }] : [];
  });
}

/** All versions and delete markers, newest first for each key ("API Reference: ListObjectVersions"). */
export function listVersions(
  bucket: Bucket,
  selection: Selection,
): Page<{ key: string; version: Version; isLatest: boolean }> {
  return paginate(bucket.keys, selection, (key) =>
    bucket
      .versions(key)
      .map((version, index) => ({ id: version.versionId, entry: { key, version, isLatest: index === 0 } })),
  );
}

/** Open uploads, oldest first for each key ("API Reference: ListMultipartUploads"). */
export function listUploads(bucket: Bucket, selection: Selection): Page<OpenUpload> {
  const byKey = new SortedMap<OpenUpload[]>();
  for (const upload of bucket.uploads.values())
    byKey.set(upload.key, [...(byKey.get(upload.key) ?? []), upload]);
  return paginate(byKey, selection, (key) =>
    (byKey.get(key) ?? []).map((upload) => ({ id: upload.uploadId, entry: upload })),
  );
}

/**
 * The position of a `key-marker`. If it is a common prefix of this listing, S3 itself returned it as
 * `NextKeyMarker` and continues after all keys that begin with it.
 */
export function positionOf(
  marker: string,
  { prefix, delimiter }: { prefix: string; delimiter: string },
  id?: string,
): Position {
  const end = delimiter === '' || !marker.startsWith(prefix) ? -1 : marker.indexOf(delimiter, prefix.length);
  return { key: marker, common: end >= 0 && end + delimiter.length === marker.length, id };
}

function paginate<Entry>(
  keys: Keys,
  { prefix, delimiter, limit, after }: Selection,
  entriesOf: (key: string) => readonly { id: string; entry: Entry }[],
): Page<Entry> {
  const page: Page<Entry> = { entries: [], commonPrefixes: [] };
  let last: Position | undefined;
  // With a limit of 0, S3 answers that nothing is truncated.
  const full = () => page.entries.length + page.commonPrefixes.length >= limit;
  const cut = () => ({ ...page, ...(last && { next: last }) });
  const from = (key: string) => {
    if (!after) return true;
    if (after.common) return isAfter(key, after.key);
    return compareKeys(key, after.key) >= (after.id === undefined ? 1 : 0);
  };
  const visible = (key: string) => entriesOf(key).length > 0;
  for (const { key, common } of keys.walk({ prefix, delimiter, from, visible })) {
    if (common) {
      if (full()) return cut();
      page.commonPrefixes.push(key);
      last = { key, common };
      continue;
    }
    const all = entriesOf(key);
    const listed = key === after?.key ? all.findIndex(({ id }) => id === after.id) + 1 : 0;
    for (const { id, entry } of all.slice(listed)) {
      if (full()) return cut();
      page.entries.push(entry);
      last = { key, common, id };
    }
  }
  return page;
}
