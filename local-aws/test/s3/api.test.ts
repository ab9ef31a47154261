import { createHash, randomBytes } from 'node:crypto';
import { Sha256 } from '@aws-crypto/sha256-js';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  RestoreObjectCommand,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Call } from '../../core/call.ts';
import { ServiceError } from '../../core/service-error.ts';
import { roleReader } from '../../s3/api/role-reader.ts';
import { checkReadable } from '../../s3/api/storage-class.ts';
import { refusal } from '../conformance/s3-endpoint.ts';
import { keyArn, type S3Server, startS3Server } from './s3-server.ts';

let server: S3Server;
const calls: Call[] = [];
let allowed: (call: Call) => boolean;

beforeAll(async () => {
  server = await startS3Server({
    authorize: async (call) => {
      calls.push(call);
      if (!allowed(call)) throw new ServiceError('AccessDenied', 403, `${call.action} on ${call.resource}`);
    },
  });
});
afterAll(async () => {
  await server.close();
});
beforeEach(async () => {
  allowed = () => true;
  calls.length = 0;
  server.events.length = 0;
});

const put = (Bucket: string, Key: string, more = {}) =>
  server.client.send(new PutObjectCommand({ Bucket, Key, Body: 'content', ...more }));
const remove = (Bucket: string, Key: string, VersionId?: string) =>
  server.client.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
const get = (Bucket: string, Key: string, VersionId?: string) =>
  server.client.send(new GetObjectCommand({ Bucket, Key, VersionId }));
const asked = () => calls.map(({ operation, action, resource }) => `${operation} ${action} ${resource}`);
const deny = (...actions: string[]) => {
  allowed = (call) => !actions.includes(call.action);
};

describe('authorisation', () => {
  test('asks for the action that each operation needs', async () => {
    const { VersionId } = await put('versioned', 'k');
    await server.client.send(new HeadObjectCommand({ Bucket: 'versioned', Key: 'k' }));
    await get('versioned', 'k', VersionId);
    await server.client.send(new ListObjectsV2Command({ Bucket: 'versioned', Prefix: 'p/' }));
    await server.client.send(
      new CopyObjectCommand({ Bucket: 'plain', Key: 'to', CopySource: `versioned/k?versionId=${VersionId}` }),
    );
    await remove('versioned', 'k');
    await remove('versioned', 'k', VersionId);
    expect(asked()).toEqual([
      'PutObject s3:PutObject arn:aws:s3:::versioned/k',
      'HeadObject s3:GetObject arn:aws:s3:::versioned/k',
      'GetObject s3:GetObjectVersion arn:aws:s3:::versioned/k',
      'ListObjectsV2 s3:ListBucket arn:aws:s3:::versioned',
      'CopyObject s3:PutObject arn:aws:s3:::plain/to',
      'CopyObject s3:GetObjectVersion arn:aws:s3:::versioned/k',
      'DeleteObject s3:DeleteObject arn:aws:s3:::versioned/k',
      'DeleteObject s3:DeleteObjectVersion arn:aws:s3:::versioned/k',
    ]);
    expect(calls.find(({ action }) => action === 's3:ListBucket')?.context).toMatchObject({
      's3:prefix': 'p/',
    });
    expect(calls.find(({ action }) => action === 's3:GetObjectVersion')?.context).toMatchObject({
      's3:versionid': VersionId,
    });
  });

  test('says 404 of a missing key only to those who may list the bucket', async () => {
    deny('s3:ListBucket');
    expect(await refusal(get('plain', 'missing'))).toBe('403 AccessDenied');
    allowed = () => true;
    expect(await refusal(get('plain', 'missing'))).toBe('404 NoSuchKey');
  });

  test('of DeleteObjects is asked key by key, and refused key by key', async () => {
    await put('plain', 'mine');
    await put('plain', 'theirs');
    allowed = (call) => !call.resource.endsWith('/theirs');
    const { Deleted, Errors } = await server.client.send(
      new DeleteObjectsCommand({
        Bucket: 'plain',
        Delete: { Objects: [{ Key: 'mine' }, { Key: 'theirs' }] },
      }),
    );
    expect(Deleted).toEqual([{ Key: 'mine' }]);
    expect(Errors).toMatchObject([{ Key: 'theirs', Code: 'AccessDenied' }]);
    allowed = () => true;
    await get('plain', 'theirs');
  });

  test('comes before any effect', async () => {
    await put('plain', 'kept');
    deny('s3:PutObject', 's3:DeleteObject');
    expect(await refusal(put('plain', 'kept', { Body: 'else' }))).toBe('403 AccessDenied');
    expect(await refusal(put('plain', 'kept', { Body: randomBytes(3_000_000) }))).toBe('403 AccessDenied');
    expect(await refusal(remove('plain', 'kept'))).toBe('403 AccessDenied');
    allowed = () => true;
    expect(await (await get('plain', 'kept')).Body?.transformToString()).toBe('content');
  });

  // "User Guide: How to prevent object overwrites with conditional writes"
  test('of a write with If-Match asks to read as well', async () => {
    const { ETag } = await put('plain', 'k');
    deny('s3:GetObject');
    expect(await refusal(put('plain', 'k', { IfMatch: ETag }))).toBe('403 AccessDenied');
  });

  // "User Guide: Enforce conditional deletes on Amazon S3 buckets"
  test('of a delete asks to read as well when it is for a particular ETag, and not for any', async () => {
    const { ETag } = await put('plain', 'k');
    const removeIf = (IfMatch: string) =>
      refusal(server.client.send(new DeleteObjectCommand({ Bucket: 'plain', Key: 'k', IfMatch })));
    const removeEachIf = (etag: string | undefined) =>
      server.client.send(
        new DeleteObjectsCommand({ Bucket: 'plain', Delete: { Objects: [{ Key: 'k', ETag: etag }] } }),
      );
    deny('s3:GetObject');
    expect(await removeIf(`${ETag}`)).toBe('403 AccessDenied');
    expect((await removeEachIf(ETag)).Errors).toMatchObject([{ Key: 'k', Code: 'AccessDenied' }]);
    expect(await removeIf('*')).toBe('accepted');
    await put('plain', 'k');
    expect((await removeEachIf('*')).Deleted).toMatchObject([{ Key: 'k' }]);
    allowed = () => true;
    await put('plain', 'k');
    expect(await removeIf(`${ETag}`)).toBe('accepted');
  });

  test('is told when the checksum of an object is asked for', async () => {
    await put('plain', 'k');
    calls.length = 0;
    const head = { Bucket: 'plain', Key: 'k' };
    await server.client.send(new HeadObjectCommand(head));
    await server.client.send(new HeadObjectCommand({ ...head, ChecksumMode: 'ENABLED' }));
    expect(calls.map(({ wantsChecksum }) => wantsChecksum)).toEqual([false, true]);
  });
});

describe('events', () => {
  // "Amazon S3 User Guide: EventBridge event message structure"
  test('of a created object have the documented shape', async () => {
    const key = 'a key/with+%, "quotes" & 🍲';
    const { VersionId, ETag } = await put('versioned', key);
    await expect.poll(() => server.events).toHaveLength(1);
    expect(server.events[0]).toEqual({
      version: '0',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      'detail-type': 'Object Created',
      source: 'aws.s3',
      account: '000000000000',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      region: 'us-east-1',
      resources: ['arn:aws:s3:::versioned'],
      detail: {
        version: '0',
        'event-version': '1.0',
        bucket: { name: 'versioned' },
        object: {
          key,
          size: 7,
          etag: ETag?.replaceAll('"', ''),
          'version-id': VersionId,
          sequencer: expect.stringMatching(/^[0-9A-F]+$/),
        },
        'request-id': expect.any(String),
        requester: '000000000000',
        'source-ip-address': '127.0.0.1',
        reason: 'PutObject',
      },
    });
  });

  test('tell a delete marker from a permanent delete, and nothing of a delete that did nothing', async () => {
    const { VersionId } = await put('versioned', 'd');
    const marker = await remove('versioned', 'd');
    await remove('versioned', 'd', VersionId);
    await put('plain', 'd');
    await remove('plain', 'd');
    await remove('plain', 'd');
    await put('suspended', 'd');
    await remove('suspended', 'd');
    await expect.poll(() => server.events).toHaveLength(7);
    const deleted = server.events.filter((event) => event['detail-type'] === 'Object Deleted');
    expect(
      deleted.map(({ detail }) => [detail.bucket.name, detail['deletion-type'], detail.object['version-id']]),
    ).toEqual([
      ['versioned', 'Delete Marker Created', marker.VersionId],
      ['versioned', 'Permanently Deleted', VersionId],
      ['plain', 'Permanently Deleted', undefined],
      ['suspended', 'Delete Marker Created', undefined],
    ]);
  });

  test('are one for a multipart upload, one for a copy, and none for a bucket that has them off', async () => {
    const upload = { Bucket: 'plain', Key: 'm' };
    const { UploadId } = await server.client.send(new CreateMultipartUploadCommand(upload));
    const part = await server.client.send(
      new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body: 'x' }),
    );
    const { ETag, ChecksumCRC32 } = part;
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag, ChecksumCRC32 }] };
    await server.client.send(new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload }));
    await put('silent', 'k');
    await server.client.send(new CopyObjectCommand({ Bucket: 'plain', Key: 'c', CopySource: 'silent/k' }));
    await expect.poll(() => server.events).toHaveLength(2);
    expect(server.events.map(({ detail }) => detail.reason)).toEqual([
      'CompleteMultipartUpload',
      'CopyObject',
    ]);
  });

  test('of any key name the key that the listing names', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), async (key) => {
        const prefix = 'any/';
        server.events.length = 0;
        await put('plain', prefix + key);
        await expect.poll(() => server.events).toHaveLength(1);
        expect(server.events[0]?.detail.object.key).toBe(prefix + key);
        const listed = await server.client.send(
          new ListObjectsV2Command({ Bucket: 'plain', Prefix: prefix, EncodingType: 'url' }),
        );
        const [found] = listed.Contents ?? [];
        expect(decodeURIComponent(found?.Key?.replaceAll('+', '%20') ?? '')).toBe(prefix + key);
        await server.client.send(
          new DeleteObjectsCommand({
            Bucket: 'plain',
            Delete: { Objects: [{ Key: prefix + key }], Quiet: true },
          }),
        );
        expect(await refusal(get('plain', prefix + key))).toBe('404 NoSuchKey');
      }),
      { numRuns: 40 },
    );
  });
});

describe('a bucket under a KMS key', () => {
  // "API Reference: Object, ETag": not an MD5 digest where the object is encrypted by SSE-KMS.
  test('says so, and its ETags are no MD5', async () => {
    const sent = await put('encrypted', 'k', { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: keyArn });
    const encryption = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: keyArn };
    expect(sent).toMatchObject(encryption);
    expect(await get('encrypted', 'k')).toMatchObject({ ...encryption, ETag: sent.ETag });
    expect((await put('encrypted', 'k')).ETag).not.toBe(sent.ETag);
    expect(await refusal(put('encrypted', 'k', { ServerSideEncryption: 'AES256' }))).toBe(
      '501 NotImplemented',
    );
  });
});

describe('a restored object', () => {
  const restore = (Key: string, VersionId?: string) =>
    server.client.send(
      new RestoreObjectCommand({
        Bucket: 'versioned',
        Key,
        VersionId,
        RestoreRequest: { Days: 2, GlacierJobParameters: { Tier: 'Bulk' } },
      }),
    );

  test('is read until its copy expires, at a midnight', async () => {
    await put('versioned', 'restored', { StorageClass: 'DEEP_ARCHIVE' });
    expect((await restore('restored')).$metadata.httpStatusCode).toBe(202);
    expect((await restore('restored')).$metadata.httpStatusCode).toBe(200);
    expect(await (await get('versioned', 'restored')).Body?.transformToString()).toBe('content');
    const { Restore = '', StorageClass } = await server.client.send(
      new HeadObjectCommand({ Bucket: 'versioned', Key: 'restored' }),
    );
    expect(StorageClass).toBe('DEEP_ARCHIVE');
    const [, until = ''] = /^ongoing-request="false", expiry-date="(.* 00:00:00 GMT)"$/.exec(Restore) ?? [];
    const days = (Date.parse(until) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(1.9);
    expect(days).toBeLessThanOrEqual(3);
    const object = server.s3.store.bucket('versioned').current('restored');
    if (object === undefined) throw new Error('The object is gone.');
    expect(() => checkReadable(object, Date.parse(until) - 1)).not.toThrow();
    expect(() => checkReadable(object, Date.parse(until))).toThrow(
      /not valid for the object's storage class/,
    );
  });

  test('alone is read by a role for a crawler or a state machine, which lists its class', async () => {
    const reader = roleReader(server.s3.store, async () => {}, {
      kind: 'service',
      principal: 'glue.amazonaws.com',
    });
    await put('versioned', 'by-role', { StorageClass: 'GLACIER' });
    expect(await Array.fromAsync(reader.list('versioned', 'by-role'))).toMatchObject([
      { key: 'by-role', storageClass: 'GLACIER' },
    ]);
    await expect(reader.read('versioned', 'by-role')).rejects.toMatchObject({ code: 'InvalidObjectState' });
    await restore('by-role');
    expect(`${await reader.read('versioned', 'by-role')}`).toBe('content');
  });

  test('is one version, and is listed as restored to those who ask', async () => {
    const { VersionId } = await put('versioned', 'listed', { StorageClass: 'GLACIER' });
    await put('versioned', 'listed', { StorageClass: 'GLACIER' });
    await restore('listed', VersionId);
    await get('versioned', 'listed', VersionId);
    expect(await refusal(get('versioned', 'listed'))).toBe('403 InvalidObjectState');
    const listing = { Bucket: 'versioned', Prefix: 'listed' };
    const { Versions } = await server.client.send(
      new ListObjectVersionsCommand({ ...listing, OptionalObjectAttributes: ['RestoreStatus'] }),
    );
    expect(Versions?.map(({ RestoreStatus }) => RestoreStatus?.IsRestoreInProgress)).toEqual([
      undefined,
      false,
    ]);
    const plain = await server.client.send(new ListObjectVersionsCommand(listing));
    expect(plain.Versions?.some(({ RestoreStatus }) => RestoreStatus !== undefined)).toBe(false);
  });
});

describe('what is not served', () => {
  test('is refused by its name', async () => {
    const failure = async (call: Promise<unknown>) => {
      const error: unknown = await call.catch((caught: unknown) => caught);
      return error instanceof S3ServiceException ? `${error.name}: ${error.message}` : 'accepted';
    };
    expect(
      await failure(server.client.send(new PutBucketPolicyCommand({ Bucket: 'plain', Policy: '{}' }))),
    ).toBe("NotImplemented: The local cloud does not serve S3's PutBucketPolicy.");
    expect(await failure(server.client.send(new CreateBucketCommand({ Bucket: 'other' })))).toBe(
      "NotImplemented: The local cloud does not serve S3's CreateBucket.",
    );
    const tagging = new PutObjectTaggingCommand({ Bucket: 'plain', Key: 'k', Tagging: { TagSet: [] } });
    expect(await failure(server.client.send(tagging))).toBe(
      "NotImplemented: The local cloud does not serve S3's PutObjectTagging.",
    );
    expect(await failure(put('plain', 'k', { Tagging: 'a=b' }))).toBe(
      'NotImplemented: The local cloud does not serve x-amz-tagging of PutObject.',
    );
    expect(await failure(put('plain', 'k', { WebsiteRedirectLocation: '/' }))).toBe(
      'NotImplemented: The local cloud does not serve x-amz-website-redirect-location of PutObject.',
    );
    expect(await refusal(put('plain', 'k', { ACL: 'public-read' }))).toBe(
      '400 AccessControlListNotSupported',
    );
  });
});

describe('nothing is done of what was asked under a condition that is not served', () => {
  const sse = 'x-amz-server-side-encryption';

  test.each([{ IfMatchSize: 999 }, { IfMatchLastModifiedTime: new Date(0) }])(
    'as a deletion with %o',
    async (condition) => {
      await put('plain', 'kept');
      const one = new DeleteObjectCommand({ Bucket: 'plain', Key: 'kept', ...condition });
      expect(await refusal(server.client.send(one))).toBe('501 NotImplemented');
      const { IfMatchSize: Size, IfMatchLastModifiedTime: LastModifiedTime } = one.input;
      const Objects = [{ Key: 'kept', Size, LastModifiedTime }];
      const many = new DeleteObjectsCommand({ Bucket: 'plain', Delete: { Objects } });
      expect(await refusal(server.client.send(many))).toBe('501 NotImplemented');
      expect((await get('plain', 'kept')).ContentLength).toBe(7);
    },
  );

  test.each([
    { SSECustomerKey: 'k'.repeat(32) },
    { SSECustomerAlgorithm: 'AES256' },
    { SSEKMSEncryptionContext: 'e30=' },
  ])('as a write encrypted by %o', async (more) => {
    expect(await refusal(put('plain', 'secret', more))).toBe('501 NotImplemented');
    expect(await refusal(get('plain', 'secret'))).toBe('404 NoSuchKey');
  });

  test.each([sse, `${sse}-customer-algorithm`, `${sse}-customer-key`])('as a read with %s', async (name) => {
    await put('plain', 'kept');
    const command = new GetObjectCommand({ Bucket: 'plain', Key: 'kept' });
    command.middlewareStack.add(
      (next) => (args) => {
        Object.assign((args.request as HttpRequest).headers, { [name]: 'AES256' });
        return next(args);
      },
      { step: 'build' },
    );
    expect(await refusal(server.client.send(command))).toBe('501 NotImplemented');
  });
});

describe('over bare HTTP', () => {
  const signer = new SignatureV4({
    service: 's3',
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    sha256: Sha256,
    uriEscapePath: false,
  });

  async function send(method: string, path: string, headers: Record<string, string> = {}, body?: string) {
    const { host, hostname, port } = new URL(server.endpoint);
    const [bare = '', query] = path.split('?');
    const request = new HttpRequest({
      method,
      hostname,
      port: Number(port),
      path: bare,
      query: Object.fromEntries(new URLSearchParams(query)),
      headers: { host, ...headers },
    });
    if (body !== undefined) request.body = body;
    const signed = await signer.sign(request);
    return fetch(`${server.endpoint}${path}`, {
      method,
      headers: signed.headers,
      ...(body !== undefined && { body }),
    });
  }

  test('an error is an XML document that names the resource and the request', async () => {
    const response = await send('GET', '/plain/missing');
    expect(response.status).toBe(404);
    const text = await response.text();
    expect(text).toContain('<Code>NoSuchKey</Code>');
    expect(text).toContain('<Resource>/plain/missing</Resource>');
    expect(text).toContain(`<RequestId>${response.headers.get('x-amz-request-id')}</RequestId>`);
  });

  /** The key is given as the document writes it. */
  const removeAll = async (key: string) => {
    const body = `<Delete><Object><Key>${key}</Key></Object></Delete>`;
    const md5 = createHash('md5').update(body).digest('base64');
    const response = await send('POST', '/plain?delete=', { 'content-md5': md5 }, body);
    return { status: response.status, text: await response.text() };
  };

  test('any character of a key can be written as a reference, and stands for itself alone', async () => {
    await put('plain', 'ab');
    const character = fc.oneof(
      fc.constantFrom('\0', '\x01', '\b', '\n', '\r', '\x1f', '\x7f', '\x85', '\ufffe', '&', '<', ';'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    );
    await fc.assert(
      fc.asyncProperty(character, fc.boolean(), async (one, decimal) => {
        const point = one.codePointAt(0) ?? 0;
        const reference = decimal ? `&#${point};` : `&#x${point.toString(16)};`;
        calls.length = 0;
        expect((await removeAll(`a${reference}b`)).status).toBe(200);
        expect(calls.map(({ resource }) => resource)).toContain(`arn:aws:s3:::plain/a${one}b`);
      }),
      { numRuns: 100 },
    );
    await get('plain', 'ab');
  });

  test.each(['&#xd800;', '&#x110000;', '&#;', '&nbsp;', '&other;'])(
    'a document with %s, which is no character, is malformed',
    async (reference) => {
      await put('plain', 'ab');
      const { status, text } = await removeAll(`a${reference}b`);
      expect(status).toBe(400);
      expect(text).toContain('<Code>MalformedXML</Code>');
      await get('plain', 'ab');
    },
  );

  test('a path that is no UTF-8 is InvalidURI', async () => {
    const response = await send('GET', '/plain/%ff');
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('<Code>InvalidURI</Code>');
  });

  test('a delete marker says so in the headers', async () => {
    await put('versioned', 'marked');
    const { VersionId } = await remove('versioned', 'marked');
    const response = await send('GET', '/versioned/marked');
    expect(response.status).toBe(404);
    expect(response.headers.get('x-amz-delete-marker')).toBe('true');
    expect(response.headers.get('x-amz-version-id')).toBe(VersionId);
  });
});
