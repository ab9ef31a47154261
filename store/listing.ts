import {
  type _Object,
  GetObjectCommand,
  ListObjectVersionsCommand,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';

/** An object with an S3 client. */
export interface S3Access {
  readonly s3: S3Client;
}

/** All objects of a bucket under a prefix, in the order of their keys. */
export async function* listObjects(
  { s3 }: S3Access,
  bucket: string,
  prefix = '',
): AsyncGenerator<_Object & { Key: string }> {
  const pages = paginateListObjectsV2(
    { client: s3 },
    { Bucket: bucket, Prefix: prefix, EncodingType: 'url' },
  );
  for await (const { Contents } of pages)
    for (const object of Contents ?? [])
      if (object.Key !== undefined) yield { ...object, Key: decodeKey(object.Key) };
}

/** A file in a bucket. */
export interface ListedFile {
  readonly key: string;
  readonly bytes: number;
  /** Milliseconds since the epoch, to the second. */
  readonly modified: number;
}

/** The same, in plain values. */
export async function* listedFiles(s3: S3Client, bucket: string, prefix: string): AsyncGenerator<ListedFile> {
  for await (const { Key, Size = 0, LastModified } of listObjects({ s3 }, bucket, prefix))
    yield { key: Key, bytes: Size, modified: LastModified?.getTime() ?? Number.POSITIVE_INFINITY };
}

/** A version in a bucket, or a delete marker. */
export interface ListedVersion {
  readonly key: string;
  readonly versionId: string;
  /** Whether it is the latest version of the key. */
  readonly latest: boolean;
  readonly deleted: boolean;
  /** Bytes; `undefined` for a delete marker. */
  readonly size: number | undefined;
  /** Milliseconds since the epoch, to the second. */
  readonly modified: number;
}

/** All versions and delete markers under a prefix, page by page, without a defined order within a page. */
async function* versionPages(
  { s3 }: S3Access,
  bucket: string,
  prefix: string,
): AsyncGenerator<ListedVersion[]> {
  let marker: { readonly KeyMarker?: string; readonly VersionIdMarker?: string } = {};
  for (;;) {
    const page = await s3.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, EncodingType: 'url', ...marker }),
    );
    const { Versions = [], DeleteMarkers = [], NextKeyMarker, NextVersionIdMarker } = page;
    yield [
      ...Versions.map((each) => ({ ...each, deleted: false })),
      ...DeleteMarkers.map((each) => ({ ...each, deleted: true, Size: undefined })),
    ].map(({ Key = '', VersionId = 'null', IsLatest = false, deleted, Size, LastModified }) => ({
      key: decodeKey(Key),
      versionId: VersionId,
      latest: IsLatest,
      deleted,
      size: Size,
      modified: LastModified?.getTime() ?? 0,
    }));
    if (page.IsTruncated !== true || NextKeyMarker === undefined) return;
    marker = {
      KeyMarker: decodeKey(NextKeyMarker),
      ...(NextVersionIdMarker !== undefined && { VersionIdMarker: NextVersionIdMarker }),
    };
  }
}

/** All versions and delete markers under a prefix. */
export async function* listVersions(
  { s3 }: S3Access,
  bucket: string,
  prefix = '',
): AsyncGenerator<ListedVersion> {
  for await (const page of versionPages({ s3 }, bucket, prefix)) yield* page;
}

/**
 * The names of the folders right under a prefix, which is empty or ends with `/`, also of those in which
 * everything is deleted.
 */
export async function foldersIn({ s3 }: S3Access, bucket: string, prefix: string): Promise<string[]> {
  const names: string[] = [];
  let marker: { readonly KeyMarker?: string; readonly VersionIdMarker?: string } = {};
  for (;;) {
    const { CommonPrefixes, IsTruncated, NextKeyMarker, NextVersionIdMarker } = await s3.send(
      new ListObjectVersionsCommand({
        Bucket: bucket,
        Prefix: prefix,
        Delimiter: '/',
        EncodingType: 'url',
        ...marker,
      }),
    );
    for (const { Prefix = '' } of CommonPrefixes ?? [])
      names.push(decodeKey(Prefix).slice(prefix.length, -1));
    if (IsTruncated !== true || NextKeyMarker === undefined) return names;
    marker = {
      KeyMarker: decodeKey(NextKeyMarker),
      ...(NextVersionIdMarker !== undefined && { VersionIdMarker: NextVersionIdMarker }),
    };
  }
}

/** The latest version of each key under a prefix; for a deleted object, its delete marker. */
export async function* listLatest(
  { s3 }: S3Access,
  bucket: string,
  prefix = '',
): AsyncGenerator<ListedVersion> {
  for await (const page of versionPages({ s3 }, bucket, prefix))
    for (const version of page) if (version.latest) yield version;
}

/** All versions and delete markers of a key, newest first. */
export async function versionsOf({ s3 }: S3Access, bucket: string, key: string): Promise<ListedVersion[]> {
  const found: ListedVersion[] = [];
  for await (const page of versionPages({ s3 }, bucket, key)) {
    const own = page.filter((version) => version.key === key);
    found.push(...own);
    // The key itself comes before all keys that begin with it.
    if (own.length < page.length) break;
  }
  return found.sort((a, b) => Number(b.latest) - Number(a.latest) || b.modified - a.modified);
}

/** The latest version of a key; `undefined` if it has none. */
export async function latestOf(
  { s3 }: S3Access,
  bucket: string,
  key: string,
): Promise<ListedVersion | undefined> {
  return (await versionsOf({ s3 }, bucket, key)).find(({ latest }) => latest);
}

/**
 * Keys are requested as `encoding-type=url`, since XML can't hold all of their characters (API Reference,
 * ListObjectsV2). A space arrives as a plus sign. S3 Inventory encodes its keys likewise.
 */
export function decodeKey(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

/** The text of a small object. */
export async function readText({ s3 }: S3Access, bucket: string, key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return (await Body?.transformToString()) ?? '';
}
