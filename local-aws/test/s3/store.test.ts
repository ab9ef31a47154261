import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  RestoreObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { FileBlobs } from '../../s3/storage/blobs.ts';
import type { S3Event } from '../../s3/storage/events.ts';
import { Store } from '../../s3/storage/store.ts';
import { clientFor, type S3Server, startS3Server } from './s3-server.ts';

let directory: string;
const running: S3Server[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 's3-'));
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(directory, { recursive: true });
});

async function start(publish?: (event: S3Event) => Promise<void>): Promise<S3Server> {
  const server = await startS3Server({ directory, ...(publish && { publish }) });
  running.push(server);
  return server;
}

async function stop(server: S3Server): Promise<void> {
  running.splice(running.indexOf(server), 1);
  await server.close();
}

/** An object store of its own process, to be killed. Its bus is away: no event can be published. */
const program = `
  const { startS3Server } = await import(process.argv[1]);
  const publish = () => Promise.reject(new Error('The bus is away.'));
  console.log((await startS3Server({ directory: process.argv[2], publish })).endpoint);
`;

async function startProcess(): Promise<{ endpoint: string; kill(): Promise<void> }> {
  const module = new URL('s3-server.ts', import.meta.url).href;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, module, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    endpoint: line.toString().trim(),
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

/** Bytes that stop half-way, without an end. */
const half = (size: number) => {
  const body = new Readable({ read() {} });
  body.push(randomBytes(size));
  return body;
};
const incoming = () => readdir(join(directory, 'incoming'));
const blobFiles = () => readdir(join(directory, 'blobs'));
const mb = 1024 * 1024;

const put = (
  server: Pick<S3Server, 'client'>,
  Key: string,
  Body: string | Uint8Array,
  Bucket = 'versioned',
) => server.client.send(new PutObjectCommand({ Bucket, Key, Body }));
const text = async (server: Pick<S3Server, 'client'>, Key: string, Bucket = 'versioned') =>
  (await server.client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();

describe('after kill -9', () => {
  test('every acknowledged put is kept, and its unpublished event is published', async () => {
    const child = await startProcess();
    const client = clientFor(child.endpoint);
    const versions: (string | undefined)[] = [];
    for (const key of ['a', 'b', 'a'])
      versions.push((await put({ client }, key, `${key} content`)).VersionId);
    await client.send(new DeleteObjectCommand({ Bucket: 'versioned', Key: 'b' }));
    await child.kill();
    const server = await start();
    expect(await text(server, 'a')).toBe('a content');
    await expect.poll(() => server.events).toHaveLength(4);
    expect(server.events.map((event) => [event['detail-type'], event.detail.object.key])).toEqual([
      ['Object Created', 'a'],
      ['Object Created', 'b'],
      ['Object Created', 'a'],
      ['Object Deleted', 'b'],
    ]);
    expect(server.events.slice(0, 3).map(({ detail }) => detail.object['version-id'])).toEqual(versions);
    const newest = server.events.at(-1)?.detail.object.sequencer ?? '';
    await put(server, 'b', 'again');
    await expect.poll(() => server.events).toHaveLength(5);
    expect((server.events.at(-1)?.detail.object.sequencer ?? '') > newest).toBe(true);
  });

  test('nothing is left of an unfinished put', async () => {
    const child = await startProcess();
    const client = clientFor(child.endpoint);
    const sent = client.send(
      new PutObjectCommand({ Bucket: 'plain', Key: 'half', Body: half(2 * mb), ContentLength: 4 * mb }),
    );
    sent.catch(() => {});
    await expect.poll(incoming).toHaveLength(1);
    await child.kill();
    await expect(sent).rejects.toThrow();
    const server = await start();
    expect(await incoming()).toEqual([]);
    expect(await blobFiles()).toEqual([]);
    const listed = await server.client.send(new ListObjectsV2Command({ Bucket: 'plain' }));
    expect(listed.KeyCount).toBe(0);
  });
});

describe('a store on disk', () => {
  test('stores no partial object when the client disconnects', async () => {
    const server = await start();
    const abort = new AbortController();
    const sent = server.client.send(
      new PutObjectCommand({ Bucket: 'plain', Key: 'half', Body: half(2 * mb), ContentLength: 4 * mb }),
      { abortSignal: abort.signal },
    );
    sent.catch(() => {});
    await expect.poll(incoming).toHaveLength(1);
    abort.abort();
    await expect(sent).rejects.toThrow();
    await expect.poll(incoming).toEqual([]);
    expect(await blobFiles()).toEqual([]);
  });

  test('knows the class of an object, and that it is restored, after restarts', async () => {
    const first = await start();
    const archived = { Bucket: 'versioned', Key: 'archived' };
    const write = { ...archived, Body: 'x', StorageClass: 'GLACIER' as const };
    await first.client.send(new PutObjectCommand(write));
    await first.client.send(new RestoreObjectCommand({ ...archived, RestoreRequest: { Days: 1 } }));
    await stop(first);
    // The second start reads the journal, the third the snapshot that the second made of it.
    await stop(await start());
    const third = await start();
    const { Body, StorageClass } = await third.client.send(new GetObjectCommand(archived));
    expect(await Body?.transformToString()).toBe('x');
    expect(StorageClass).toBe('GLACIER');
    await stop(third);
  });

  test('continues open uploads after a restart, and publishes no event twice', async () => {
    const first = await start();
    const upload = { Bucket: 'versioned', Key: 'large' };
    const { UploadId } = await first.client.send(new CreateMultipartUploadCommand(upload));
    const body = randomBytes(5 * mb);
    const part = (server: S3Server, PartNumber: number, Body: Uint8Array) =>
      server.client.send(new UploadPartCommand({ ...upload, UploadId, PartNumber, Body }));
    const one = await part(first, 1, body);
    await put(first, 'small', 'x');
    await expect.poll(() => first.events).toHaveLength(1);
    await stop(first);

    const second = await start();
    const two = await part(second, 2, Buffer.from('end'));
    const parts = [one, two].map(({ ETag, ChecksumCRC32 }, index) => ({
      PartNumber: index + 1,
      ETag,
      ChecksumCRC32,
    }));
    const complete = async ({ client }: S3Server) => {
      const {
        $metadata: _,
        Location: __,
        ...answer
      } = await client.send(
        new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload: { Parts: parts } }),
      );
      return answer;
    };
    const completed = await complete(second);
    await expect.poll(() => second.events).toHaveLength(1);
    await stop(second);

    const third = await start();
    const got = await third.client.send(new GetObjectCommand(upload));
    expect(
      Buffer.concat([body, Buffer.from('end')]).equals((await got.Body?.transformToByteArray()) ?? body),
    ).toBe(true);
    expect(second.events.map(({ detail }) => detail.reason)).toEqual(['CompleteMultipartUpload']);
    // From what the second wrote, and then from what the third made of it when it started.
    expect(await complete(third)).toEqual(completed);
    await stop(third);
    const fourth = await start();
    expect(await complete(fourth)).toEqual(completed);
    expect([...third.events, ...fourth.events]).toEqual([]);
  });

  test('publishes an event again until it is accepted', async () => {
    const offered: string[] = [];
    const server = await start(async (event) => {
      offered.push(event.id);
      if (offered.length === 1) throw new Error('The bus is away.');
    });
    await put(server, 'k', 'x');
    await expect.poll(() => offered).toHaveLength(2);
    expect(offered[1]).toBe(offered[0]);
  });

  test('deletes the bytes of replaced and removed objects', async () => {
    const server = await start();
    for (let round = 0; round < 3; round += 1) await put(server, 'large', randomBytes(mb), 'plain');
    await expect.poll(blobFiles).toHaveLength(1);
    await server.client.send(new DeleteObjectCommand({ Bucket: 'plain', Key: 'large' }));
    await expect.poll(blobFiles).toEqual([]);
  });

  test('deletes blobs whose readers disconnected midway', async () => {
    const server = await start();
    await put(server, 'large', randomBytes(32 * mb), 'plain');
    for (let chunks = 1; chunks <= 100; chunks += 1) {
      const { Body } = await server.client.send(new GetObjectCommand({ Bucket: 'plain', Key: 'large' }));
      if (!(Body instanceof Readable)) throw new Error('The body is no stream.');
      for (let read = 0; read < chunks; read += 1) await once(Body, 'data');
      Body.destroy();
    }
    await server.client.send(new DeleteObjectCommand({ Bucket: 'plain', Key: 'large' }));
    await expect.poll(blobFiles).toEqual([]);
  });
});

test('an event without a receiver is neither stored nor published', async () => {
  const published: string[] = [];
  const store = new Store({
    buckets: [{ name: 'b', eventBridge: true }],
    directory: join(directory, 'unwanted'),
    clock: systemClock,
    region: 'eu-west-1',
    accountId: '000000000000',
    wants: ({ detail }) => detail.object.key === 'wanted',
    publish: async ({ detail }) => void published.push(detail.object.key),
  });
  await store.start();
  const bucket = store.bucket('b');
  const origin = { requestId: 'r', requester: 'me', sourceIp: '127.0.0.1' };
  const object = { size: 0, etag: 'x', slices: [], multipart: false, headers: {} };
  for (const key of ['wanted', 'other'])
    await store.commit(bucket, origin, bucket.put(key, object, 'PutObject', store.stamp()));
  await store.close();
  expect(published).toEqual(['wanted']);
  const journal = await readFile(join(directory, 'unwanted', 'journal.ndjson'), 'utf8');
  expect(journal.match(/"Object Created"/g)).toHaveLength(1);
});

describe('a file that the store did not write', () => {
  const file = (...path: string[]) => join(directory, ...path);

  test.each([
    ['is lost', () => rm(file('journal.ndjson'))],
    ['is empty', () => truncate(file('journal.ndjson'))],
  ])('no object is removed if the journal %s, and the start reports what to do', async (_, lose) => {
    const server = await start();
    await put(server, 'small', 'content');
    await put(server, 'large', randomBytes(mb));
    await stop(server);
    await lose();
    const before = await blobFiles();
    for (let attempt = 0; attempt < 2; attempt += 1)
      await expect(start()).rejects.toMatchObject({
        name: 'StateRefused',
        message: expect.stringMatching(
          `^${file('blobs')} holds objects, but ${file('journal.ndjson')}, .* is missing or empty.*rm -r ${directory}$`,
        ),
      });
    expect(before).toHaveLength(2);
    expect(await blobFiles()).toEqual(before);
  });

  test('is never removed, in any directory', async () => {
    await mkdir(file('blobs'), { recursive: true });
    await mkdir(file('incoming'));
    const foreign = ['thesis.txt', 'pack-of-wolves', `${'0'.repeat(32)}.jpg`];
    for (const name of foreign)
      for (const folder of ['blobs', 'incoming']) await writeFile(file(folder, name), 'years of work');
    const first = await start();
    await put(first, 'a', 'content');
    await stop(first);
    // Of a put that a kill ended.
    await writeFile(file('incoming', 'f'.repeat(32)), 'half');
    await start();
    expect(await incoming()).toEqual(foreign.toSorted());
    expect(await blobFiles()).toEqual(expect.arrayContaining(foreign));
  });
});

describe('blobs in files', () => {
  const chunksOf = (...chunks: Uint8Array[]) => Readable.from(chunks, { objectMode: false });
  const write = (blobs: FileBlobs, bytes: Uint8Array) =>
    blobs.write(randomBytes(16).toString('hex'), chunksOf(bytes));

  test('return any range over large and small slices', async () => {
    const blobs = new FileBlobs(directory);
    const contents = [randomBytes(100), randomBytes(300_000), randomBytes(0), randomBytes(7)];
    const slices = [];
    for (const content of contents) slices.push({ blob: await write(blobs, content), size: content.length });
    const whole = Buffer.concat(contents);
    for (const [start, end] of [
      [0, whole.length],
      [50, 150],
      [99, 100],
      [100, 300_100],
      [300_099, 300_107],
      [5, 5],
    ] as const) {
      const read = await buffer(blobs.read(slices, start, end));
      expect(read.equals(whole.subarray(start, end))).toBe(true);
    }
  });

  test('stay until the last reader is done, even if they are removed meanwhile', async () => {
    const blobs = new FileBlobs(directory);
    const content = randomBytes(3 * mb);
    const slices = [{ blob: await write(blobs, content), size: content.length }];
    const readers = [blobs.read(slices, 0, content.length), blobs.read(slices, 0, 10)];
    await blobs.remove(slices.map(({ blob }) => blob));
    expect(await blobFiles()).toHaveLength(1);
    const [whole, begin] = await Promise.all(readers.map((reader) => buffer(reader)));
    expect(whole?.equals(content)).toBe(true);
    expect(begin?.equals(content.subarray(0, 10))).toBe(true);
    await expect.poll(blobFiles).toEqual([]);
  });

  test('without a reference are swept at start, a pack only if none of its blobs is left', async () => {
    const before = new FileBlobs(directory);
    const large = [await write(before, randomBytes(mb)), await write(before, randomBytes(mb))];
    const small = [await write(before, randomBytes(10)), await write(before, randomBytes(10))];
    const after = new FileBlobs(directory);
    const kept = [large[0] ?? '', small[1] ?? ''];
    await after.sweep(new Set(kept));
    expect(await blobFiles()).toHaveLength(2);
    await after.remove(kept);
    expect(await blobFiles()).toEqual([]);
  });

  test('of a failed body leave no file', async () => {
    const blobs = new FileBlobs(directory);
    async function* failing() {
      yield randomBytes(2 * mb);
      throw new Error('broken off');
    }
    await expect(blobs.write('x', failing())).rejects.toThrow('broken off');
    expect([...(await incoming()), ...(await blobFiles())]).toEqual([]);
  });
});
