import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { Crc64Nvme } from '@aws-sdk/checksums/crc';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  RestoreObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Endpoint, openEndpoint, refusal } from './s3-endpoint.ts';

let s3: Endpoint;
beforeAll(async () => {
  s3 = await openEndpoint();
});
afterAll(async () => {
  await s3.close();
});

/** Each test keeps to its own prefix. */
let tests = 0;
const fresh = (name = 'key') => {
  tests += 1;
  return `t${tests}/${name}`;
};

type Put = Partial<Omit<PutObjectCommandInput, 'Bucket' | 'Key' | 'Body'>>;
const put = (Key: string, Body: string | Uint8Array | Readable, more: Put = {}, Bucket = s3.plain) =>
  s3.client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = (Key: string, more: Omit<GetObjectCommandInput, 'Bucket' | 'Key'> = {}, Bucket = s3.plain) =>
  s3.client.send(new GetObjectCommand({ Bucket, Key, ...more }));
const text = async (
  Key: string,
  more: Omit<GetObjectCommandInput, 'Bucket' | 'Key'> = {},
  Bucket = s3.plain,
) => (await get(Key, more, Bucket)).Body?.transformToString();
const head = (Key: string, Bucket = s3.plain, VersionId?: string) =>
  s3.client.send(new HeadObjectCommand({ Bucket, Key, VersionId }));
const remove = (Key: string, Bucket = s3.plain, VersionId?: string) =>
  s3.client.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
const keys = async (Prefix: string, more = {}) =>
  (await s3.client.send(new ListObjectsV2Command({ Bucket: s3.plain, Prefix, ...more }))).Contents?.map(
    ({ Key }) => Key,
  ) ?? [];
const md5 = (bytes: string | Uint8Array) => createHash('md5').update(bytes).digest('hex');

describe('buckets', () => {
  test('a bucket is found, with its versioning', async () => {
    const { Buckets } = await s3.client.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual(expect.arrayContaining([s3.plain, s3.versioned]));
    expect((await s3.client.send(new HeadBucketCommand({ Bucket: s3.plain }))).BucketRegion).toBeTruthy();
    const versioning = (Bucket: string) => s3.client.send(new GetBucketVersioningCommand({ Bucket }));
    expect((await versioning(s3.plain)).Status).toBeUndefined();
    expect((await versioning(s3.versioned)).Status).toBe('Enabled');
  });

  // "API Reference: ListBuckets"
  test('buckets are listed in pages, by prefix and by region', async () => {
    const list = async (input: object) => {
      const { Buckets = [], ContinuationToken } = await s3.client.send(new ListBucketsCommand(input));
      return { names: Buckets.map(({ Name }) => Name), ContinuationToken };
    };
    const wanted = [s3.plain, s3.versioned].sort();
    expect((await list({ Prefix: wanted[0] })).names).toEqual([wanted[0]]);
    expect((await list({ Prefix: `${wanted[0]}-not` })).names).toEqual([]);
    const pages = [];
    let token: { ContinuationToken?: string | undefined } = {};
    do {
      const page = await list({ MaxBuckets: 1, ...token });
      expect(page.names).toHaveLength(1);
      pages.push(...page.names);
      token = { ContinuationToken: page.ContinuationToken };
    } while (token.ContinuationToken !== undefined);
    expect(pages).toEqual((await list({})).names);
    expect(pages).toEqual(expect.arrayContaining(wanted));
    const BucketRegion = await s3.client.config.region();
    expect((await list({ BucketRegion })).names).toEqual(pages);
    expect(await refusal(list({ MaxBuckets: 0 }))).toBe('400 InvalidArgument');
    expect(await refusal(list({ ContinuationToken: 'none' }))).toBe('400 InvalidArgument');
  });

  test('a bucket that does not exist is NoSuchBucket, for HEAD a bare 404', async () => {
    const Bucket = 'no-such-bucket-anywhere-8f2c';
    expect(await refusal(s3.client.send(new ListObjectsV2Command({ Bucket })))).toBe('404 NoSuchBucket');
    expect(await refusal(s3.client.send(new HeadBucketCommand({ Bucket })))).toBe('404 NotFound');
  });
});

describe('objects', () => {
  test('an object is read as it was put: bytes, ETag, headers and user metadata', async () => {
    const key = fresh();
    const { ETag } = await put(key, 'hello', {
      ContentType: 'text/plain',
      ContentEncoding: 'identity',
      CacheControl: 'no-store',
      ContentDisposition: 'inline',
      ContentLanguage: 'en',
      Metadata: { colour: 'red' },
    });
    expect(ETag).toBe(`"${md5('hello')}"`);
    const got = await get(key);
    expect(await got.Body?.transformToString()).toBe('hello');
    expect(got).toMatchObject({
      ETag,
      ContentLength: 5,
      ContentType: 'text/plain',
      ContentEncoding: 'identity',
      CacheControl: 'no-store',
      ContentDisposition: 'inline',
      ContentLanguage: 'en',
      Metadata: { colour: 'red' },
      AcceptRanges: 'bytes',
    });
    expect(await head(key)).toMatchObject({ ETag, ContentLength: 5, Metadata: { colour: 'red' } });
  });

  test.each(['deflate, gzip', 'deflate,gzip', ' gzip'])(
    'the encoding %j is returned unchanged',
    async (encoding) => {
      const key = fresh();
      await put(key, 'x', { ContentEncoding: encoding });
      expect((await head(key)).ContentEncoding).toBe(encoding.trim());
    },
  );

  test('a KMS key without the KMS encryption header is refused', async () => {
    const key = fresh();
    expect(await refusal(put(key, 'x', { SSEKMSKeyId: 'arn:aws:kms:us-east-1:000000000000:key/one' }))).toBe(
      '400 InvalidArgument',
    );
    expect(await refusal(head(key))).toBe('404 NotFound');
  });

  test('an empty object is an object', async () => {
    const key = fresh();
    await put(key, new Uint8Array());
    expect(await text(key)).toBe('');
    expect((await head(key)).ContentLength).toBe(0);
  });

  test('a streamed body of many chunks is stored completely', async () => {
    const key = fresh();
    const body = randomBytes(3 * 1024 * 1024 + 17);
    const pieces = Array.from({ length: Math.ceil(body.length / 70_001) }, (_, index) =>
      body.subarray(index * 70_001, (index + 1) * 70_001),
    );
    await put(key, Readable.from(pieces, { objectMode: false }), { ContentLength: body.length });
    const got = await (await get(key)).Body?.transformToByteArray();
    expect(md5(got ?? '')).toBe(md5(body));
  });

  // "Naming Amazon S3 objects": any UTF-8 up to 1,024 bytes.
  test.each([
    "a b+c%d&e=f?g#h;i:j@k,l$m'n(o)*p!q~r",
    'dots/../and/./more//slashes',
    'percent%20literal%2F',
    '日本語/ключ/🍲/é',
    'quotes"<&>\\|^`{}[]',
    'x'.repeat(1000),
  ])('an object with the key %j can be put, read, listed and deleted', async (name) => {
    const key = fresh(name).slice(0, 1024);
    await put(key, name);
    expect(await text(key)).toBe(name);
    const prefix = key.slice(0, key.indexOf('/') + 1);
    expect(await keys(prefix)).toEqual([key]);
    await s3.client.send(
      new CopyObjectCommand({
        Bucket: s3.plain,
        Key: `${prefix}copy`,
        CopySource: `${s3.plain}/${encodeURIComponent(key)}`,
      }),
    );
    expect(await text(`${prefix}copy`)).toBe(name);
    const { Deleted } = await s3.client.send(
      new DeleteObjectsCommand({ Bucket: s3.plain, Delete: { Objects: [{ Key: key }] } }),
    );
    expect(Deleted).toEqual([{ Key: key }]);
    expect(await keys(prefix)).toEqual([`${prefix}copy`]);
  });

  test('a key longer than 1,024 bytes is refused', async () => {
    expect(await refusal(put('é'.repeat(513), 'x'))).toBe('400 KeyTooLongError');
  });

  // "Working with object metadata": 2 KB.
  test('more than 2 KB of user metadata is refused', async () => {
    expect(await refusal(put(fresh(), 'x', { Metadata: { large: 'x'.repeat(2048) } }))).toBe(
      '400 MetadataTooLarge',
    );
  });

  test('a missing key is NoSuchKey, for HEAD a bare 404', async () => {
    expect(await refusal(get(fresh()))).toBe('404 NoSuchKey');
    expect(await refusal(head(fresh()))).toBe('404 NotFound');
  });

  test('deleting a missing object succeeds', async () => {
    expect((await remove(fresh())).$metadata.httpStatusCode).toBe(204);
  });

  // "API Reference: GetObject, Overriding response header values through the request"
  test('response headers can be overridden', async () => {
    const key = fresh();
    await put(key, 'x');
    expect(
      await get(key, { ResponseContentType: 'text/csv', ResponseCacheControl: 'no-cache' }),
    ).toMatchObject({
      ContentType: 'text/csv',
      CacheControl: 'no-cache',
    });
  });
});

describe('headers beyond ASCII', () => {
  const disposition = 'attachment; filename="é"';

  // fetch sends and reads each character as its byte in ISO-8859-1.
  test('a Content-Disposition is returned with unchanged bytes', async () => {
    const target = { Bucket: s3.plain, Key: fresh() };
    const url = await getSignedUrl(s3.client, new PutObjectCommand(target));
    const headers = { 'content-disposition': disposition };
    expect((await fetch(url, { method: 'PUT', headers, body: 'hello' })).status).toBe(200);
    for (const [method, command] of [
      ['GET', new GetObjectCommand(target)],
      ['HEAD', new HeadObjectCommand(target)],
    ] as const) {
      const url = await getSignedUrl<object, object>(s3.client, command as never);
      const response = await fetch(url, { method });
      expect(response.headers.get('content-disposition')).toBe(disposition);
      expect(await response.text()).toBe(method === 'GET' ? 'hello' : '');
    }
  });

  test.each([
    'ResponseCacheControl',
    'ResponseContentDisposition',
    'ResponseContentEncoding',
    'ResponseContentLanguage',
    'ResponseContentType',
    'ResponseExpires',
  ] as const)('%s takes what ISO-8859-1 can represent', async (name) => {
    const target = { Bucket: s3.plain, Key: fresh() };
    await put(target.Key, 'hello');
    const read = async (value: string) =>
      fetch(await getSignedUrl(s3.client, new GetObjectCommand({ ...target, [name]: value as never })));
    const header = name.replace(/(?<!^)[A-Z]/g, '-$&').toLowerCase();
    expect((await read('é')).headers.get(header.replace('response-', ''))).toBe('é');
    const refused = await read('中');
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain(`<ArgumentName>${header}</ArgumentName>`);
  });
});

describe('ranges', () => {
  // RFC 9110, 14.2, and "API Reference: GetObject".
  test.each([
    ['bytes=0-3', '0123', 'bytes 0-3/10'],
    ['bytes=4-', '456789', 'bytes 4-9/10'],
    ['bytes=-2', '89', 'bytes 8-9/10'],
    ['bytes=-50', '0123456789', 'bytes 0-9/10'],
    ['bytes=8-100', '89', 'bytes 8-9/10'],
  ])('%s', async (Range, content, ContentRange) => {
    const key = fresh();
    await put(key, '0123456789');
    const got = await get(key, { Range });
    expect(await got.Body?.transformToString()).toBe(content);
    expect(got).toMatchObject({ ContentRange, ContentLength: content.length });
    expect(got.$metadata.httpStatusCode).toBe(206);
  });

  test('a range beyond the end is 416', async () => {
    const key = fresh();
    await put(key, '0123456789');
    expect(await refusal(get(key, { Range: 'bytes=10-' }))).toBe('416 InvalidRange');
  });
});

describe('conditional requests', () => {
  // "API Reference: GetObject", If-Match and its like.
  test('a conditional read answers 304 if nothing changed, and 412 if something did', async () => {
    const key = fresh();
    const { ETag } = await put(key, 'one');
    expect(await refusal(get(key, { IfNoneMatch: ETag }))).toMatch(/^304/);
    expect(await refusal(get(key, { IfMatch: '"0"' }))).toBe('412 PreconditionFailed');
    expect(await refusal(get(key, { IfModifiedSince: new Date(Date.now() + 60_000) }))).toMatch(
      /^304|accepted/,
    );
    expect(await refusal(get(key, { IfUnmodifiedSince: new Date(0) }))).toBe('412 PreconditionFailed');
    expect(await text(key, { IfMatch: ETag, IfUnmodifiedSince: new Date(0) })).toBe('one');
  });

  // "User Guide: How to prevent object overwrites with conditional writes"
  test('If-None-Match: * writes only if the key does not exist', async () => {
    const key = fresh();
    await put(key, 'one', { IfNoneMatch: '*' });
    expect(await refusal(put(key, 'two', { IfNoneMatch: '*' }))).toBe('412 PreconditionFailed');
    await remove(key);
    await put(key, 'three', { IfNoneMatch: '*' });
    expect(await text(key)).toBe('three');
  });

  test('If-None-Match: * treats a delete marker as a missing object', async () => {
    const key = fresh();
    await put(key, 'one', {}, s3.versioned);
    await remove(key, s3.versioned);
    await put(key, 'two', { IfNoneMatch: '*' }, s3.versioned);
    expect(await text(key, {}, s3.versioned)).toBe('two');
  });

  test('If-Match overwrites only the version that the caller has read', async () => {
    const key = fresh();
    expect(await refusal(put(key, 'one', { IfMatch: '"0"' }))).toBe('404 NoSuchKey');
    const { ETag } = await put(key, 'one');
    await put(key, 'two', { IfMatch: ETag });
    expect(await refusal(put(key, 'three', { IfMatch: ETag }))).toBe('412 PreconditionFailed');
  });

  test('of many concurrent creations of one key, one succeeds and the others get a conflict', async () => {
    const key = fresh();
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, index) => refusal(put(key, `${index}`, { IfNoneMatch: '*' }))),
    );
    expect(outcomes.filter((outcome) => outcome === 'accepted')).toHaveLength(1);
    for (const outcome of outcomes) {
      expect(['accepted', '412 PreconditionFailed', '409 ConditionalRequestConflict']).toContain(outcome);
    }
  });
});

describe('integrity', () => {
  // "User Guide: Checking object integrity"
  test.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    '%s is verified, kept, and given back when asked for',
    async (ChecksumAlgorithm) => {
      const key = fresh();
      const name = `Checksum${ChecksumAlgorithm}` as const;
      const sent = await put(key, 'hello', { ChecksumAlgorithm });
      expect(sent[name]).toBeTruthy();
      expect((await get(key, { ChecksumMode: 'ENABLED' }))[name]).toBe(sent[name]);
      const wrong = await put(fresh(), 'other', { ChecksumAlgorithm });
      expect(await refusal(put(key, 'hello', { [name]: wrong[name] }))).toBe('400 BadDigest');
      expect(await text(key)).toBe('hello');
    },
  );

  test('a body with a wrong Content-MD5 is refused and not stored', async () => {
    const key = fresh();
    const ContentMD5 = createHash('md5').update('else').digest('base64');
    expect(await refusal(put(key, 'hello', { ContentMD5 }))).toBe('400 BadDigest');
    expect(await refusal(put(key, 'hello', { ContentMD5: 'nonsense' }))).toBe('400 InvalidDigest');
    expect(await refusal(get(key))).toBe('404 NoSuchKey');
  });
});

// "Checking object integrity": S3 adds a checksum to what comes without one.
describe('an object that comes without a checksum has a CRC64NVME', () => {
  const crc64 = (bytes: Uint8Array) => {
    const sum = new Crc64Nvme();
    sum.update(bytes);
    return sum.digest().then((digest) => Buffer.from(digest).toString('base64'));
  };
  const checksums = async (Key: string) => {
    const head = new HeadObjectCommand({ Bucket: s3.plain, Key, ChecksumMode: 'ENABLED' });
    const { ChecksumCRC64NVME, ChecksumCRC32, ChecksumType } = await s3.client.send(head);
    return { ChecksumCRC64NVME, ChecksumCRC32, ChecksumType };
  };
  const whole = async (bytes: Uint8Array) => ({
    ChecksumCRC64NVME: await crc64(bytes),
    ChecksumCRC32: undefined,
    ChecksumType: 'FULL_OBJECT',
  });

  test('put, and copied', async () => {
    const [from, to] = [fresh('from'), fresh('to')];
    const url = await getSignedUrl(s3.client, new PutObjectCommand({ Bucket: s3.plain, Key: from }));
    const answer = await fetch(url, { method: 'PUT', body: 'hello' });
    const expected = await whole(Buffer.from('hello'));
    expect(answer.headers.get('x-amz-checksum-crc64nvme')).toBe(expected.ChecksumCRC64NVME);
    expect(await checksums(from)).toEqual(expected);
    await s3.client.send(
      new CopyObjectCommand({ Bucket: s3.plain, Key: to, CopySource: `${s3.plain}/${from}` }),
    );
    expect(await checksums(to)).toEqual(expected);
  });

  test('and made of parts, whatever these bring', async () => {
    const target = { Bucket: s3.plain, Key: fresh() };
    const bytes = [randomBytes(5 * 1024 * 1024), Buffer.from('end')];
    const { UploadId } = await s3.client.send(new CreateMultipartUploadCommand(target));
    const parts = [];
    for (const [index, Body] of bytes.entries()) {
      const PartNumber = index + 1;
      const part = new UploadPartCommand({ ...target, UploadId, PartNumber, Body });
      parts.push({ PartNumber, ...pick(await s3.client.send(part)) });
    }
    expect(parts.every(({ ChecksumCRC32 }) => ChecksumCRC32 !== undefined)).toBe(true);
    const complete = new CompleteMultipartUploadCommand({
      ...target,
      UploadId,
      MultipartUpload: { Parts: parts },
    });
    const expected = await whole(Buffer.concat(bytes));
    const { ChecksumCRC64NVME, ChecksumType } = expected;
    expect(await s3.client.send(complete)).toMatchObject({ ChecksumCRC64NVME, ChecksumType });
    expect(await checksums(target.Key)).toEqual(expected);
  });
});

describe('versions', () => {
  // "User Guide: How S3 Versioning works" and "Working with delete markers"
  test('each put is a version, a delete puts a marker, and removing the marker brings the object back', async () => {
    const key = fresh();
    const one = await put(key, 'one', {}, s3.versioned);
    const two = await put(key, 'two', {}, s3.versioned);
    expect(one.VersionId).not.toBe(two.VersionId);
    expect(await text(key, { VersionId: one.VersionId }, s3.versioned)).toBe('one');
    const marker = await remove(key, s3.versioned);
    expect(marker.DeleteMarker).toBe(true);
    expect(await refusal(get(key, {}, s3.versioned))).toBe('404 NoSuchKey');
    expect(await refusal(get(key, { VersionId: marker.VersionId }, s3.versioned))).toBe(
      '405 MethodNotAllowed',
    );
    const listed = await s3.client.send(new ListObjectVersionsCommand({ Bucket: s3.versioned, Prefix: key }));
    expect(listed.Versions?.map(({ VersionId, IsLatest }) => [VersionId, IsLatest])).toEqual([
      [two.VersionId, false],
      [one.VersionId, false],
    ]);
    expect(listed.DeleteMarkers).toMatchObject([{ VersionId: marker.VersionId, IsLatest: true }]);
    expect(await remove(key, s3.versioned, marker.VersionId)).toMatchObject({
      DeleteMarker: true,
      VersionId: marker.VersionId,
    });
    expect(await text(key, {}, s3.versioned)).toBe('two');
  });

  test('a deleted version can’t be read, and deleting it again succeeds', async () => {
    const key = fresh();
    const { VersionId } = await put(key, 'one', {}, s3.versioned);
    await put(key, 'two', {}, s3.versioned);
    await remove(key, s3.versioned, VersionId);
    await remove(key, s3.versioned, VersionId);
    expect(await refusal(get(key, { VersionId }, s3.versioned))).toBe('404 NoSuchVersion');
    expect(await text(key, {}, s3.versioned)).toBe('two');
  });

  test('an impossible version id is refused', async () => {
    expect(await refusal(get(fresh(), { VersionId: 'no' }, s3.versioned))).toBe('400 InvalidArgument');
  });

  test('without versioning the newest put replaces the object, which is the version null', async () => {
    const key = fresh();
    expect((await put(key, 'one')).VersionId).toBeUndefined();
    await put(key, 'two');
    expect(await text(key, { VersionId: 'null' })).toBe('two');
  });

  test('DeleteObjects reports the result of each key', async () => {
    const [one, two] = [fresh('one'), fresh('two')];
    const { VersionId } = await put(one, '1', {}, s3.versioned);
    const { Deleted } = await s3.client.send(
      new DeleteObjectsCommand({
        Bucket: s3.versioned,
        Delete: { Objects: [{ Key: one, VersionId }, { Key: two }] },
      }),
    );
    expect(Deleted).toEqual([
      { Key: one, VersionId },
      { Key: two, DeleteMarker: true, DeleteMarkerVersionId: expect.any(String) },
    ]);
  });
});

describe('listings', () => {
  // "User Guide: Listing object keys programmatically"; "API Reference: ListObjectsV2"
  test('keys are in the order of their UTF-8 bytes, page by page', async () => {
    const prefix = fresh('');
    const names = ['a', 'a/b', 'a0', 'Z', '\uff5e', '🍲', 'é', '~'];
    for (const name of names) await put(prefix + name, 'x');
    const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const seen: (string | undefined)[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await s3.client.send(
        new ListObjectsV2Command({ Bucket: s3.plain, Prefix: prefix, MaxKeys: 3, ContinuationToken }),
      );
      expect(page.KeyCount).toBe(page.Contents?.length);
      seen.push(...(page.Contents ?? []).map(({ Key }) => Key?.slice(prefix.length)));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken);
    expect(seen).toEqual(sorted);
    expect(await keys(prefix, { StartAfter: `${prefix}a/b` })).toEqual(
      sorted.slice(sorted.indexOf('a/b') + 1).map((name) => prefix + name),
    );
  });

  test('a delimiter groups keys, and each common prefix occurs once across pages', async () => {
    const prefix = fresh('');
    for (const name of ['a', 'b/1', 'b/2', 'c', 'd/1', 'd/e/2']) await put(prefix + name, 'x');
    const input = { Bucket: s3.plain, Prefix: prefix, Delimiter: '/', MaxKeys: 2 };
    const first = await s3.client.send(new ListObjectsV2Command(input));
    expect(first).toMatchObject({
      IsTruncated: true,
      KeyCount: 2,
      CommonPrefixes: [{ Prefix: `${prefix}b/` }],
    });
    const second = await s3.client.send(
      new ListObjectsV2Command({ ...input, ContinuationToken: first.NextContinuationToken }),
    );
    expect(second).toMatchObject({ IsTruncated: false, CommonPrefixes: [{ Prefix: `${prefix}d/` }] });
    expect(second.Contents?.map(({ Key }) => Key)).toEqual([`${prefix}c`]);
  });

  // "API Reference: ListObjects": NextMarker comes with a delimiter; the marker may be a common prefix.
  test('ListObjects version 1 continues at its markers', async () => {
    const prefix = fresh('');
    for (const name of ['a', 'b/1', 'b/2', 'c']) await put(prefix + name, 'x');
    const input = { Bucket: s3.plain, Prefix: prefix, Delimiter: '/', MaxKeys: 2 };
    const first = await s3.client.send(new ListObjectsCommand(input));
    expect(first).toMatchObject({ IsTruncated: true, NextMarker: `${prefix}b/` });
    const second = await s3.client.send(new ListObjectsCommand({ ...input, Marker: first.NextMarker }));
    expect(second.IsTruncated).toBe(false);
    expect(second.Contents?.map(({ Key }) => Key)).toEqual([`${prefix}c`]);
  });

  test('encoding-type=url encodes keys, a space as a plus', async () => {
    const prefix = fresh('');
    await put(`${prefix}a b+(c)/é`, 'x');
    expect(await keys(prefix, { EncodingType: 'url' })).toEqual([`${prefix}a+b%2B%28c%29/%C3%A9`]);
  });

  test('a control character survives in an encoded listing', async () => {
    const prefix = fresh('');
    await put(`${prefix}\u0001\r\n`, 'x');
    expect(await keys(prefix, { EncodingType: 'url' })).toEqual([`${prefix}%01%0D%0A`]);
  });

  test('versions are listed page by page', async () => {
    const prefix = fresh('');
    const put5: (string | undefined)[] = [];
    for (const name of ['a', 'b', 'b', 'b', 'c']) {
      put5.push((await put(prefix + name, 'x', {}, s3.versioned)).VersionId);
    }
    const seen: (string | undefined)[] = [];
    let markers: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
    for (let more = true; more; ) {
      const page = await s3.client.send(
        new ListObjectVersionsCommand({ Bucket: s3.versioned, Prefix: prefix, MaxKeys: 2, ...markers }),
      );
      seen.push(...(page.Versions ?? []).map(({ VersionId }) => VersionId));
      markers = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
      more = page.IsTruncated ?? false;
    }
    expect(seen).toEqual([put5[0], put5[3], put5[2], put5[1], put5[4]]);
  });
});

describe('multipart uploads', () => {
  const fiveMb = 5 * 1024 * 1024;
  const create = (Key: string, more = {}) =>
    s3.client.send(new CreateMultipartUploadCommand({ Bucket: s3.plain, Key, ...more }));
  const part = (Key: string, UploadId: string | undefined, PartNumber: number, Body: Uint8Array | string) =>
    s3.client.send(new UploadPartCommand({ Bucket: s3.plain, Key, UploadId, PartNumber, Body }));
  const complete = (Key: string, UploadId: string | undefined, Parts: object[], more = {}) =>
    s3.client.send(
      new CompleteMultipartUploadCommand({
        Bucket: s3.plain,
        Key,
        UploadId,
        MultipartUpload: { Parts },
        ...more,
      }),
    );

  test('parts in any order of arrival become one object with a compound ETag', async () => {
    const key = fresh();
    const bytes = [randomBytes(fiveMb), randomBytes(fiveMb), Buffer.from('end')];
    const { UploadId } = await create(key, { ContentType: 'text/plain', Metadata: { a: 'b' } });
    const parts = [];
    for (const index of [2, 0, 1]) {
      const { ETag, ChecksumCRC32 } = await part(key, UploadId, index + 1, bytes[index] ?? '');
      parts[index] = { PartNumber: index + 1, ETag, ChecksumCRC32 };
    }
    expect(await refusal(get(key))).toBe('404 NoSuchKey');
    const { Uploads } = await s3.client.send(
      new ListMultipartUploadsCommand({ Bucket: s3.plain, Prefix: key }),
    );
    expect(Uploads?.map((upload) => upload.UploadId)).toEqual([UploadId]);
    const listed = await s3.client.send(new ListPartsCommand({ Bucket: s3.plain, Key: key, UploadId }));
    expect(listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, fiveMb],
      [2, fiveMb],
      [3, 3],
    ]);
    const done = await complete(key, UploadId, parts);
    const md5s = Buffer.concat(bytes.map((each) => createHash('md5').update(each).digest()));
    expect(done.ETag).toBe(`"${md5(md5s)}-3"`);
    const got = await get(key);
    expect(got).toMatchObject({
      ContentLength: 2 * fiveMb + 3,
      ContentType: 'text/plain',
      Metadata: { a: 'b' },
    });
    expect(md5((await got.Body?.transformToByteArray()) ?? '')).toBe(md5(Buffer.concat(bytes)));
    expect(await text(key, { Range: `bytes=${2 * fiveMb - 1}-${2 * fiveMb}` })).toHaveLength(2);
    const third = await get(key, { PartNumber: 3 });
    expect(third.PartsCount).toBe(3);
    expect(await third.Body?.transformToString()).toBe('end');
    expect(await refusal(part(key, UploadId, 1, 'x'))).toBe('404 NoSuchUpload');
  });

  test.each(['CRC32', 'CRC32C', 'CRC64NVME'] as const)(
    'a full-object %s equals the checksum of the bytes',
    async (ChecksumAlgorithm) => {
      const key = fresh();
      const name = `Checksum${ChecksumAlgorithm}` as const;
      const bytes = [randomBytes(fiveMb), randomBytes(1000)];
      const { UploadId } = await create(key, { ChecksumAlgorithm, ChecksumType: 'FULL_OBJECT' });
      const parts = [];
      for (const [index, Body] of bytes.entries()) {
        const sent = await s3.client.send(
          new UploadPartCommand({
            Bucket: s3.plain,
            Key: key,
            UploadId,
            PartNumber: index + 1,
            Body,
            ChecksumAlgorithm,
          }),
        );
        parts.push({ PartNumber: index + 1, ETag: sent.ETag, [name]: sent[name] });
      }
      const whole = await put(fresh(), Buffer.concat(bytes), { ChecksumAlgorithm });
      expect(await refusal(complete(key, UploadId, parts, { [name]: parts[0]?.[name] }))).toBe(
        '400 BadDigest',
      );
      const done = await complete(key, UploadId, parts, { ChecksumType: 'FULL_OBJECT', [name]: whole[name] });
      expect(done[name]).toBe(whole[name]);
    },
  );

  // "Amazon S3 multipart upload limits" and "API Reference: CompleteMultipartUpload, Errors"
  test('an upload that can’t be completed is refused with the right error code', async () => {
    const key = fresh();
    const { UploadId } = await create(key);
    const one = { PartNumber: 1, ...pick(await part(key, UploadId, 1, 'small')) };
    const two = { PartNumber: 2, ...pick(await part(key, UploadId, 2, 'small too')) };
    expect(await refusal(complete(key, UploadId, [one, two]))).toBe('400 EntityTooSmall');
    expect(await refusal(complete(key, UploadId, [two, one]))).toBe('400 InvalidPartOrder');
    expect(await refusal(complete(key, UploadId, [{ ...one, PartNumber: 3 }]))).toBe('400 InvalidPart');
    expect(await refusal(complete(key, UploadId, [{ ...one, ETag: two.ETag }]))).toBe('400 InvalidPart');
    expect(await refusal(part(key, UploadId, 10_001, ''))).toBe('400 InvalidArgument');
    await complete(key, UploadId, [two]);
    expect(await text(key)).toBe('small too');
  });

  test('completion honours If-None-Match', async () => {
    const key = fresh();
    const { UploadId } = await create(key);
    const one = { PartNumber: 1, ...pick(await part(key, UploadId, 1, 'x')) };
    await put(key, 'first');
    expect(await refusal(complete(key, UploadId, [one], { IfNoneMatch: '*' }))).toBe(
      '412 PreconditionFailed',
    );
  });

  test('a completion can be repeated with the same parts only, and can’t be aborted', async () => {
    const key = fresh();
    const { UploadId } = await create(key);
    const parts = [{ PartNumber: 1, ...pick(await part(key, UploadId, 1, randomBytes(fiveMb))) }];
    parts.push({ PartNumber: 2, ...pick(await part(key, UploadId, 2, 'end')) });
    const { $metadata: _, ...first } = await complete(key, UploadId, parts);
    expect(await complete(key, UploadId, parts)).toMatchObject(first);
    expect(await refusal(complete(key, UploadId, parts.slice(0, 1)))).toBe('404 NoSuchUpload');
    const abort = new AbortMultipartUploadCommand({ Bucket: s3.plain, Key: key, UploadId });
    expect(await refusal(s3.client.send(abort))).toBe('404 NoSuchUpload');
    expect((await head(key)).ContentLength).toBe(fiveMb + 3);
  });

  test('an aborted upload is gone with its parts', async () => {
    const key = fresh();
    const { UploadId } = await create(key);
    await part(key, UploadId, 1, 'x');
    await s3.client.send(new AbortMultipartUploadCommand({ Bucket: s3.plain, Key: key, UploadId }));
    expect(
      await refusal(s3.client.send(new ListPartsCommand({ Bucket: s3.plain, Key: key, UploadId }))),
    ).toBe('404 NoSuchUpload');
  });

  test('a part can be copied from a range of another object', async () => {
    const [from, to] = [fresh('from'), fresh('to')];
    await put(from, '0123456789');
    const { UploadId } = await create(to);
    const { CopyPartResult } = await s3.client.send(
      new UploadPartCopyCommand({
        Bucket: s3.plain,
        Key: to,
        UploadId,
        PartNumber: 1,
        CopySource: `${s3.plain}/${from}`,
        CopySourceRange: 'bytes=2-5',
      }),
    );
    await complete(to, UploadId, [
      { PartNumber: 1, ETag: CopyPartResult?.ETag, ChecksumCRC32: CopyPartResult?.ChecksumCRC32 },
    ]);
    expect(await text(to)).toBe('2345');
  });
});

const pick = ({
  ETag,
  ChecksumCRC32,
}: {
  ETag?: string | undefined;
  ChecksumCRC32?: string | undefined;
}) => ({
  ETag,
  ChecksumCRC32,
});

describe('presigned URLs', () => {
  const upload = async (url: string, body: string, headers = {}) => {
    const response = await fetch(url, { method: 'PUT', body, headers });
    return { status: response.status, etag: response.headers.get('etag'), text: await response.text() };
  };

  // The SDK signs the CRC32 of nothing into the URL, since it does not know the body.
  test('made by the SDK with its defaults read and write', async () => {
    const target = { Bucket: s3.plain, Key: fresh() };
    const written = await upload(await getSignedUrl(s3.client, new PutObjectCommand(target)), 'hello');
    expect(written).toMatchObject({ status: 200 });
    const read = await fetch(await getSignedUrl(s3.client, new GetObjectCommand(target)));
    expect(await read.text()).toBe('hello');
    const stored = await s3.client.send(new HeadObjectCommand({ ...target, ChecksumMode: 'ENABLED' }));
    expect(stored.ChecksumCRC32).toBeUndefined();
    expect(stored.ChecksumCRC64NVME).toBeDefined();
  });

  test('made by the SDK with its defaults upload parts', async () => {
    const target = { Bucket: s3.plain, Key: fresh() };
    const { UploadId } = await s3.client.send(new CreateMultipartUploadCommand(target));
    const part = new UploadPartCommand({ ...target, UploadId, PartNumber: 1 });
    const { etag } = await upload(await getSignedUrl(s3.client, part), 'hello');
    await s3.client.send(
      new CompleteMultipartUploadCommand({
        ...target,
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag: etag ?? '' }] },
      }),
    );
    expect(await text(target.Key)).toBe('hello');
  });

  test('a checksum in a header is compared with the body', async () => {
    const target = { Bucket: s3.plain, Key: fresh() };
    const ChecksumSHA256 = createHash('sha256').update('hello').digest('base64');
    const headers = { 'x-amz-checksum-sha256': ChecksumSHA256 };
    const url = await getSignedUrl(s3.client, new PutObjectCommand({ ...target, ChecksumSHA256 }), {
      unhoistableHeaders: new Set(Object.keys(headers)),
    });
    expect((await upload(url, 'other', headers)).text).toContain('<Code>BadDigest</Code>');
    expect((await upload(url, 'hello', headers)).status).toBe(200);
  });
});

describe('copies', () => {
  const copy = (CopySource: string, Key: string, more = {}) =>
    s3.client.send(new CopyObjectCommand({ Bucket: s3.plain, Key, CopySource, ...more }));

  test('an unknown directive is refused', async () => {
    const [from, to] = [fresh('from'), fresh('to')];
    await put(from, 'one');
    const MetadataDirective = 'WHATEVER';
    expect(await refusal(copy(`${s3.plain}/${from}`, to, { MetadataDirective }))).toBe('400 InvalidArgument');
    expect(await refusal(get(to))).toBe('404 NoSuchKey');
  });

  // "API Reference: CopyObject"
  test('a copy keeps the metadata or replaces it', async () => {
    const [from, to] = [fresh('from'), fresh('to')];
    await put(from, 'one', { ContentType: 'text/plain', Metadata: { a: 'b' } });
    await copy(`${s3.plain}/${from}`, to);
    expect(await head(to)).toMatchObject({ ContentType: 'text/plain', Metadata: { a: 'b' } });
    await copy(`${s3.plain}/${from}`, to, { MetadataDirective: 'REPLACE', Metadata: { c: 'd' } });
    expect((await head(to)).Metadata).toEqual({ c: 'd' });
  });

  test('a copy can be of an older version', async () => {
    const [from, to] = [fresh('from'), fresh('to')];
    const { VersionId } = await put(from, 'one', {}, s3.versioned);
    await put(from, 'two', {}, s3.versioned);
    expect((await copy(`${s3.versioned}/${from}?versionId=${VersionId}`, to)).CopySourceVersionId).toBe(
      VersionId,
    );
    expect(await text(to)).toBe('one');
  });

  test('a copy is refused onto itself without a change, of a missing source, or against its condition', async () => {
    const key = fresh();
    await put(key, 'one');
    expect(await refusal(copy(`${s3.plain}/${key}`, key))).toBe('400 InvalidRequest');
    expect(await refusal(copy(`${s3.plain}/${key}-not`, key))).toBe('404 NoSuchKey');
    expect(await refusal(copy(`${s3.plain}/${key}`, `${key}2`, { CopySourceIfMatch: '"0"' }))).toBe(
      '412 PreconditionFailed',
    );
  });
});

describe('storage classes', () => {
  const copyOnto = (key: string, more: object, Bucket = s3.plain) =>
    s3.client.send(new CopyObjectCommand({ Bucket, Key: key, CopySource: `${Bucket}/${key}`, ...more }));
  const listed = async (Prefix: string, more = {}) =>
    (await s3.client.send(new ListObjectsV2Command({ Bucket: s3.plain, Prefix, ...more }))).Contents ?? [];
  const restore = (Key: string, Bucket = s3.plain) =>
    s3.client.send(new RestoreObjectCommand({ Bucket, Key, RestoreRequest: { Days: 1 } }));

  // "API Reference: HeadObject": the header is missing for the standard class.
  test('an object is listed with its class, and answers with it unless it is the standard one', async () => {
    const [plain, rare] = [fresh('plain'), fresh('rare')];
    await put(plain, 'one');
    await put(rare, 'one', { StorageClass: 'STANDARD_IA' });
    expect((await head(plain)).StorageClass).toBeUndefined();
    expect((await head(rare)).StorageClass).toBe('STANDARD_IA');
    expect((await get(rare)).StorageClass).toBe('STANDARD_IA');
    expect(await listed(plain)).toMatchObject([{ StorageClass: 'STANDARD' }]);
    expect(await listed(rare)).toMatchObject([{ StorageClass: 'STANDARD_IA' }]);
  });

  test('a class that does not exist is refused', async () => {
    const key = fresh();
    expect(await refusal(put(key, 'one', { StorageClass: 'COLD' as 'GLACIER' }))).toBe(
      '400 InvalidStorageClass',
    );
    expect(await refusal(get(key))).toBe('404 NoSuchKey');
  });

  // "API Reference: CopyObject": without the header, the copy is in the standard class.
  test('a copy moves an object to another class, and is of the standard class unless it asks', async () => {
    const [key, other] = [fresh('key'), fresh('other')];
    const { VersionId } = await put(key, 'one', { ContentType: 'text/plain' }, s3.versioned);
    await copyOnto(key, { StorageClass: 'GLACIER_IR' }, s3.versioned);
    expect(await head(key, s3.versioned)).toMatchObject({
      StorageClass: 'GLACIER_IR',
      ContentType: 'text/plain',
    });
    await s3.client.send(
      new CopyObjectCommand({ Bucket: s3.plain, Key: other, CopySource: `${s3.versioned}/${key}` }),
    );
    expect((await head(other)).StorageClass).toBeUndefined();
    const { Versions = [] } = await s3.client.send(
      new ListObjectVersionsCommand({ Bucket: s3.versioned, Prefix: key }),
    );
    expect(Versions.map(({ StorageClass }) => StorageClass)).toEqual(['GLACIER_IR', 'STANDARD']);
    expect(Versions[1]?.VersionId).toBe(VersionId);
  });

  test.each(['GLACIER', 'DEEP_ARCHIVE'] as const)(
    'an object in %s has its properties, but is neither read nor copied, in whole or in part',
    async (StorageClass) => {
      const key = fresh();
      await put(key, 'one', { Metadata: { a: 'b' } });
      await copyOnto(key, { StorageClass });
      expect(await head(key)).toMatchObject({ StorageClass, ContentLength: 3, Metadata: { a: 'b' } });
      const error: unknown = await get(key).catch((caught: unknown) => caught);
      expect(error).toMatchObject({
        name: 'InvalidObjectState',
        StorageClass,
        $metadata: { httpStatusCode: 403 },
      });
      expect(await refusal(get(key, { Range: 'bytes=0-1' }))).toBe('403 InvalidObjectState');
      expect(await refusal(copyOnto(key, { StorageClass: 'STANDARD' }))).toBe('403 InvalidObjectState');
      const { UploadId } = await s3.client.send(
        new CreateMultipartUploadCommand({ Bucket: s3.plain, Key: `${key}-parts` }),
      );
      const part = { Bucket: s3.plain, Key: `${key}-parts`, UploadId, PartNumber: 1 };
      expect(
        await refusal(
          s3.client.send(new UploadPartCopyCommand({ ...part, CopySource: `${s3.plain}/${key}` })),
        ),
      ).toBe('403 InvalidObjectState');
      await remove(key);
      expect(await listed(key)).toEqual([]);
    },
  );

  test('an upload in parts has the class that it was begun with', async () => {
    const key = fresh();
    const { UploadId } = await s3.client.send(
      new CreateMultipartUploadCommand({ Bucket: s3.plain, Key: key, StorageClass: 'ONEZONE_IA' }),
    );
    const upload = { Bucket: s3.plain, Key: key, UploadId };
    const { ETag } = await s3.client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: 'one' }));
    expect((await s3.client.send(new ListPartsCommand(upload))).StorageClass).toBe('ONEZONE_IA');
    await s3.client.send(
      new CompleteMultipartUploadCommand({
        ...upload,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
      }),
    );
    expect(await head(key)).toMatchObject({ StorageClass: 'ONEZONE_IA', ContentLength: 3 });
  });

  test('only an archived object can be restored', async () => {
    const key = fresh();
    await put(key, 'one', { StorageClass: 'STANDARD_IA' });
    expect(await refusal(restore(key))).toBe('403 InvalidObjectState');
    expect(await refusal(restore(`${key}-not`))).toBe('404 NoSuchKey');
  });
});
