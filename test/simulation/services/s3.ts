import { Readable } from 'node:stream';
import { S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { sdkStreamMixin } from '@smithy/core/serde';
import * as z from 'zod';
import { ServiceError } from '../../../local-aws/core/service-error.ts';
import type { StoredObject } from '../../../local-aws/s3/storage/model.ts';
import type { Store } from '../../../local-aws/s3/storage/store.ts';
import { AnswerLost, type Network, type Party, ServiceUnavailable } from '../network.ts';
import { retried } from './retried.ts';
import { bytesOf, metadataOf, put, putBytes, remove } from './store.ts';

/** What the stages may ask of S3; anything else is refused, for nothing here would heed it. */
const request = z.strictObject({
  Bucket: z.string(),
  Key: z.string().default(''),
  VersionId: z.string().optional(),
  Range: z
    .string()
    .regex(/^bytes=\d+-\d+$/)
    .optional(),
  Body: z.union([z.string(), z.instanceof(Uint8Array)]).default(''),
  ContentType: z.string().default('application/octet-stream'),
  Metadata: z.record(z.string(), z.string()).default({}),
  IfNoneMatch: z.literal('*').optional(),
  IfMatch: z.string().optional(),
  Prefix: z.string().default(''),
  MaxKeys: z.undefined().optional(),
  ContinuationToken: z.string().optional(),
  EncodingType: z.literal('url').optional(),
  KeyMarker: z.string().default(''),
  Delimiter: z.literal('/').optional(),
  CopySource: z.string().default(''),
  Delete: z
    .strictObject({ Objects: z.array(z.strictObject({ Key: z.string() })), Quiet: z.literal(true) })
    .optional(),
});
type Request = z.infer<typeof request>;

/** S3's are of a thousand keys; small ones make small objects have several. */
const PAGE_KEYS = 4;

/** What looks at the calls. */
export interface Onlooker {
  /** The caller changed a bucket just now. */
  changed(caller: Party, bucket: string, key: string): Promise<void>;
  read(caller: Party, bucket: string, key: string, versionId: string): void;
  /** The caller was told that a call came to nothing. */
  trouble(caller: Party): void;
  /** The caller is about to change a bucket, whatever it holds by now. */
  changes(caller: Party, bucket: string): void;
}

/**
 * What the stages' edge sends to S3 goes over the simulated network straight into the local cloud's buckets,
 * without HTTP and signatures. What is refused or lost is tried again, as the SDK does. It is a client of the
 * SDK's class, since pagination asks for one, but has nothing of it: each call would put a hundred steps
 * together anew, a quarter of a run's time.
 */
export function memoryS3(store: Store, network: Network, caller: Party, onlooker: Onlooker): S3Client {
  const wire = { store, network, caller, onlooker };
  const client = Object.create(S3Client.prototype) as S3Client;
  return Object.assign(client, {
    async send({ constructor: { name }, input }: Sent) {
      const answer = operations[name.replace(/Command$/, '')];
      if (answer === undefined) throw new Error(`The simulation does not serve ${name}.`);
      const asked = request.parse(input);
      const isConditional = asked.IfMatch !== undefined || asked.IfNoneMatch !== undefined;
      if (/^(Put|Copy|Delete)/.test(name) && !isConditional) onlooker.changes(caller, asked.Bucket);
      return { $metadata: {}, ...(await retried(wire, () => answer(asked, wire))) };
    },
  });
}

/** A command of the SDK. */
interface Sent {
  readonly constructor: { readonly name: string };
  readonly input: unknown;
}

interface Wire {
  readonly store: Store;
  readonly network: Network;
  readonly caller: Party;
  readonly onlooker: Onlooker;
}

const operations: Readonly<Record<string, (asked: Request, wire: Wire) => Promise<object>>> = {
  async GetObject({ Bucket, Key, VersionId, Range }, wire) {
    const { store, network, caller, onlooker } = wire;
    const { content, found } = await network.call(caller, `GetObject ${Bucket}/${Key}`, async () => {
      const found = versionOf(store, Bucket, Key, VersionId);
      if (VersionId !== undefined) onlooker.read(caller, Bucket, Key, VersionId);
      return { found, content: within(await bytesOf(store, found), Range) };
    });
    const body = VersionId === undefined ? [content] : pieces(content, wire);
    const LastModified = new Date(found.lastModified);
    return { Body: sdkStreamMixin(Readable.from(body)), ETag: `"${found.etag}"`, LastModified };
  },
  async HeadObject({ Bucket, Key, VersionId }, { store, network, caller }) {
    const { size, headers, versionId } = await network.call(caller, `HeadObject ${Bucket}/${Key}`, () =>
      versionOf(store, Bucket, Key, VersionId),
    );
    return { ContentLength: size, Metadata: metadataOf(headers), VersionId: versionId };
  },
  async PutObject({ Bucket, Key, Body, ContentType, Metadata, IfNoneMatch, IfMatch }, wire) {
    const { store, network, caller, onlooker } = wire;
    const object = { bucket: Bucket, key: Key, body: Body, contentType: ContentType, metadata: Metadata };
    const isConditional = IfNoneMatch !== undefined || IfMatch !== undefined;
    const condition = { ifNoneMatch: IfNoneMatch, ifMatch: IfMatch?.replaceAll('"', '') };
    const { status, written } = await network.call(
      caller,
      `PutObject ${Bucket}/${Key}${isConditional ? ' on condition' : ''}`,
      async () => {
        // With this any conditional write may meet.
        if (isConditional && network.happens('refuse', caller)) return { status: 409 } as Answer;
        const answer = await refusable(() =>
          put(store, object, 'PutObject', isConditional ? condition : undefined),
        );
        if (answer.written !== undefined) await onlooker.changed(caller, Bucket, Key);
        return answer;
      },
    );
    if (status === 409) onlooker.trouble(caller);
    if (written === undefined) throw failure(status ?? 500, 'the write was refused');
    return { ETag: `"${written.etag}"`, VersionId: written.versionId };
  },
  async CopyObject({ Bucket, Key, CopySource }, { store, network, caller, onlooker }) {
    const { pathname, searchParams } = new URL(`s3:///${CopySource}`);
    const [bucket = '', ...key] = pathname.slice(1).split('/').map(decodeURIComponent);
    const { etag, versionId } = await network.call(caller, `CopyObject ${Bucket}/${Key}`, async () => {
      const from = versionOf(store, bucket, key.join('/'), searchParams.get('versionId') ?? undefined);
      const to = { bucket: Bucket, key: Key };
      const copied = await putBytes(store, to, await bytesOf(store, from), from.headers, 'CopyObject');
      await onlooker.changed(caller, Bucket, Key);
      return copied;
    });
    return { CopyObjectResult: { ETag: `"${etag}"` }, VersionId: versionId };
  },
  async ListObjectsV2(asked, { store, network, caller }) {
    const { Bucket, Prefix, ContinuationToken, EncodingType, Delimiter } = asked;
    return network.call(caller, `ListObjectsV2 ${Bucket}/${Prefix}`, () => {
      const bucket = store.bucket(Bucket);
      const after = [...bucket.keys].filter(
        (key) => key.startsWith(Prefix) && key > (ContinuationToken ?? '') && bucket.current(key),
      );
      if (Delimiter !== undefined) {
        const folders = after.map((key) => key.slice(0, key.indexOf(Delimiter, Prefix.length) + 1));
        return { CommonPrefixes: [...new Set(folders)].map((each) => ({ Prefix: each })) };
      }
      const page = after.slice(0, PAGE_KEYS);
      const Contents = page.map((key) => ({
        Key: encoded(key, EncodingType),
        LastModified: new Date(bucket.current(key)?.lastModified ?? 0),
        Size: bucket.current(key)?.size,
      }));
      return after.length > PAGE_KEYS ? { Contents, NextContinuationToken: page.at(-1) } : { Contents };
    });
  },
  async ListObjectVersions({ Bucket, Prefix, KeyMarker, EncodingType }, { store, network, caller }) {
    return network.call(caller, `ListObjectVersions ${Bucket}/${Prefix}`, () => {
      const bucket = store.bucket(Bucket);
      const after = [...bucket.keys].filter((key) => key.startsWith(Prefix) && key > KeyMarker);
      const page = after.slice(0, PAGE_KEYS);
      const all = page.flatMap((key) =>
        bucket.versions(key).map((version, n) => ({
          marker: version.marker,
          Key: encoded(key, EncodingType),
          VersionId: version.versionId,
          IsLatest: n === 0,
          LastModified: new Date(version.lastModified),
          Size: version.marker ? undefined : version.size,
        })),
      );
      return {
        Versions: all.filter(({ marker }) => !marker),
        DeleteMarkers: all.filter(({ marker }) => marker),
        ...(after.length > PAGE_KEYS && {
          IsTruncated: true,
          NextKeyMarker: encoded(page.at(-1) ?? '', EncodingType),
        }),
      };
    });
  },
  async DeleteObjects({ Bucket, Delete }, { store, network, caller, onlooker }) {
    const Errors: object[] = [];
    // One request, and yet each key is deleted by itself: the caller may die between two of them, and some
    // may fail.
    for (const { Key } of Delete?.Objects ?? []) {
      try {
        await network.call(caller, `DeleteObjects ${Bucket}/${Key}`, async () => {
          await remove(store, Bucket, Key);
          await onlooker.changed(caller, Bucket, Key);
        });
      } catch (error) {
        if (!(error instanceof ServiceUnavailable)) throw error;
        onlooker.trouble(caller);
        Errors.push({ Key, Code: 'InternalError', Message: 'We encountered an internal error.' });
      }
    }
    return { Errors };
  },
};

/** As `encoding-type=url` has keys written (API Reference, ListObjectsV2). */
const encoded = (key: string, how: Request['EncodingType']) =>
  how === 'url' ? encodeURIComponent(key) : key;

function versionOf(store: Store, bucket: string, key: string, versionId: string | undefined): StoredObject {
  const [newest] = store.bucket(bucket).versions(key);
  const version = versionId === undefined ? newest : store.bucket(bucket).version(key, versionId);
  if (version === undefined || (version.marker && versionId === undefined))
    throw failure(404, 'it is not there');
  if (version.marker) throw failure(405, 'it is a delete marker');
  return version;
}

function failure(status: number, message: string): S3ServiceException {
  const $metadata = { httpStatusCode: status };
  return new S3ServiceException({ name: `Status${status}`, message, $fault: 'client', $metadata });
}

interface Answer {
  readonly written?: StoredObject;
  readonly status?: number;
}

async function refusable(write: () => Promise<StoredObject>): Promise<Answer> {
  try {
    return { written: await write() };
  } catch (error) {
    if (error instanceof ServiceError) return { status: error.status };
    throw error;
  }
}

/** Comes in pieces that the seed cuts, and may break off between two of them. */
async function* pieces(content: Buffer, { network, caller, onlooker }: Wire): AsyncGenerator<Uint8Array> {
  let rest = content;
  for (let piece = 0; piece < 2 && rest.length > 1; piece += 1) {
    const length = network.random.between(1, rest.length);
    yield rest.subarray(0, length);
    rest = rest.subarray(length);
    if (network.happens('loseAnswer')) {
      network.note(`${caller.name}: the body broke off`);
      onlooker.trouble(caller);
      throw new AnswerLost('body');
    }
  }
  if (rest.length > 0) yield rest;
}

/** @param range as its header names it: both bytes are included */
function within(content: Buffer, range: string | undefined): Buffer {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
  return range === undefined ? content : content.subarray(Number(first), Number(last) + 1);
}
