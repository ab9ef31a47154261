import { randomBytes, randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { Disk } from '../../core/disk.ts';
import { journalsIn, openJournal } from '../../core/journal.ts';
import { account, person } from '../../iam/credentials.ts';
import { FunctionLogs } from '../../logs/logs.ts';
import { createSqs } from '../../sqs/sqs.ts';
import { startS3Server } from './s3-server.ts';
import { SmallDisk } from './small-disk.ts';

const MB = 1024 * 1024;
let directory: string;
const closing: (() => Promise<void>)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'local-aws-full-'));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(directory, { recursive: true, force: true });
});

/** A disk, what it may still hold, and what was said of it. */
function diskOf(bytes: number) {
  const room = new SmallDisk(bytes);
  const lines: string[] = [];
  const disk = new Disk({ onFull: (line) => lines.push(line), writes: room });
  return { room, lines, disk };
}

/** What the journal at `path` holds, for somebody who starts from it. */
async function replayed(path: string): Promise<string[]> {
  const copy = join(directory, 'copy.journal');
  cpSync(path, copy);
  const entries: string[] = [];
  await (
    await openJournal<string>(
      copy,
      (entry) => entries.push(entry),
      () => entries,
    )
  ).close();
  return entries;
}

describe('a journal on a full disk', () => {
  const path = () => join(directory, 'a.journal');

  test('reserves room for entries on their way, and reports when there is none left', async () => {
    const { room, lines, disk } = diskOf(3 * MB);
    const journal = await openJournal<string>(
      path(),
      () => {},
      () => [],
      { disk },
    );
    closing.push(() => journal.close());
    const entry = 'x'.repeat(100_000);
    let taken = 0;
    for (; !disk.isFull; taken += 1) await journal.append(entry);
    expect(taken).toBeGreaterThan(20);
    expect(room.left).toBe(0);
    // On their way when it was full: acknowledged even so.
    for (let late = 0; late < 4; late += 1) await journal.append(entry);
    expect(await replayed(path())).toEqual(Array(taken + 4).fill(entry));
    expect(lines).toEqual([expect.stringMatching(`^${path()} can't be written: ENOSPC.*Free disk space`)]);
    room.left = 10 * MB;
    expect(disk.isFull).toBe(false);
  });

  test('holds entries without room until there is some, in order, and never writes a partial line', async () => {
    const { room, disk } = diskOf(MB + 100_000);
    const journal = await openJournal<string>(
      path(),
      () => {},
      () => [],
      { disk },
    );
    closing.push(() => journal.close());
    await journal.append('first');
    const ended: string[] = [];
    const held = ['a'.repeat(2 * MB), 'second', 'third'].map((entry) =>
      journal.append(entry).then(() => ended.push(entry.slice(0, 6))),
    );
    await vi.waitFor(() => expect(room.left).toBe(0));
    expect(ended).toEqual([]);
    expect(disk.isFull).toBe(true);
    // As a kill would leave it just now.
    expect(await replayed(path())).toEqual(['first']);
    room.left = 10 * MB;
    await Promise.all(held);
    expect(ended).toEqual(['aaaaaa', 'second', 'third']);
    expect((await replayed(path())).map((entry) => entry.slice(0, 6))).toEqual(['first', ...ended]);
  });

  test('continues without a rewrite if there is no room for one', async () => {
    const { disk } = diskOf(2 * MB);
    const state: string[] = [];
    const open = (replay: (entry: string) => void) =>
      openJournal<string>(path(), replay, () => state, { disk, compactAboveBytes: 100_000 });
    const journal = await open(() => {});
    const entries = Array.from({ length: 6 }, (_, number) => `${number}`.padEnd(60_000));
    for (const [index, entry] of entries.entries()) {
      // The state is larger than all there is to rewrite it to.
      if (index === 1) state.push('x'.repeat(3 * MB));
      await journal.append(entry);
    }
    expect(readdirSync(directory)).toEqual(['a.journal']);
    expect(await replayed(path())).toEqual(entries);
    await journal.close();
    expect(await replayed(path())).toEqual(entries);
  });

  test('lets the local cloud stop while the disk is still full', async () => {
    const { disk } = diskOf(MB);
    const failures: string[] = [];
    const onFailure = (_: string, { message }: Error) => failures.push(message);
    const journal = await openJournal<string>(
      path(),
      () => {},
      () => [],
      { disk, onFailure },
    );
    const held = journal.append('x'.repeat(2 * MB));
    disk.close();
    await expect(held).rejects.toThrow('the disk was full until the local cloud stopped');
    expect(failures).toEqual(['the disk was full until the local cloud stopped']);
  });
});

describe('a local cloud on a full disk', () => {
  async function start(bytes: number) {
    const { room, lines, disk } = diskOf(bytes);
    const authorize = async (call: { action: string }) => disk.check(call);
    const server = await startS3Server({ directory: join(directory, 's3'), disk, authorize });
    closing.push(() => server.close());
    return { room, lines, disk, server };
  }

  const Bucket = 'plain';
  const refused = { name: 'ServiceUnavailable', $metadata: { httpStatusCode: 503 } };

  test.each([
    ['small', 20_000],
    ['large', 300_000],
  ])('answers reads and refuses %s objects until there is room', async (_, size) => {
    const { room, lines, server } = await start(2 * MB);
    const { client } = server;
    const kept = new Map<string, Buffer>();
    const put = async (Key: string) => {
      const Body = randomBytes(size);
      await client.send(new PutObjectCommand({ Bucket, Key, Body }));
      kept.set(Key, Body);
    };
    const listed = async (from = client) =>
      (await from.send(new ListObjectsV2Command({ Bucket }))).Contents?.map(({ Key }) => Key);
    const expectKept = async (from = client) => {
      expect(await listed(from)).toEqual([...kept.keys()].toSorted());
      for (const [Key, body] of kept) {
        const { Body } = await from.send(new GetObjectCommand({ Bucket, Key }));
        expect(body.equals((await Body?.transformToByteArray()) ?? new Uint8Array())).toBe(true);
      }
    };

    let error: unknown;
    for (let number = 0; error === undefined; number += 1)
      await put(`${number}`).catch((thrown: unknown) => {
        error = thrown;
      });
    expect(error).toMatchObject(refused);
    room.left = 0;
    for (const key of ['refused', '0']) await expect(put(key)).rejects.toMatchObject(refused);
    await expectKept();
    expect(lines).toHaveLength(1);

    // Whoever starts from what a kill left sees the same.
    const copy = join(directory, 'killed');
    cpSync(join(directory, 's3'), copy, { recursive: true });
    const other = await startS3Server({ directory: copy });
    await expectKept(other.client);
    await other.close();

    room.left = 6 * MB;
    await put('refused');
    await put('0');
    await expectKept();
  });

  test('refuses every change that could not be kept, before it takes effect', async () => {
    const { room, disk, server } = await start(3 * MB);
    const { client } = server;
    const Body = 'content';
    await client.send(new PutObjectCommand({ Bucket, Key: 'a', Body }));
    room.left = 0;
    // Until the room ahead is used up.
    for (let number = 0; !disk.isFull; number += 1)
      await client.send(
        new DeleteObjectCommand({ Bucket: 'versioned', Key: `${number}`.padStart(1000, 'x') }),
      );
    for (const command of [
      new DeleteObjectCommand({ Bucket, Key: 'a' }),
      new UploadPartCommand({ Bucket, Key: 'a', UploadId: 'u', PartNumber: 1, Body }),
    ])
      await expect(client.send(command as DeleteObjectCommand)).rejects.toMatchObject(refused);
    const { Body: left } = await client.send(new GetObjectCommand({ Bucket, Key: 'a' }));
    expect(await left?.transformToString()).toBe(Body);
  });

  test('accepts and delivers no messages until there is room', async () => {
    const { room, disk } = diskOf(2 * MB);
    const sqs = createSqs({
      queues: [
        {
          name: 'q',
          visibilityTimeoutSeconds: 30,
          messageRetentionSeconds: 345_600,
          delaySeconds: 0,
          receiveWaitSeconds: 0,
          maximumMessageBytes: MB,
        },
      ],
      clock: systemClock,
      region: 'us-east-1',
      accountId: account,
      ids: randomUUID,
      authorize: async (call) => disk.check(call),
      openJournal: journalsIn(directory, { disk }),
    });
    await sqs.start();
    closing.push(() => sqs.close());
    const queue = sqs.queue('q', person);
    const send = () => queue.send({ body: 'm'.repeat(100_000), attributes: {} });
    room.left = 0;
    let sent = 0;
    for (; !disk.isFull; sent += 1) await send();
    await expect(send()).rejects.toMatchObject({ status: 503 });
    await expect(queue.receive(1, 0, AbortSignal.timeout(1000))).rejects.toMatchObject({ status: 503 });
    expect(sqs.counts('q').visible).toBe(sent);
    room.left = 6 * MB;
    await send();
    expect(await queue.receive(1, 0, AbortSignal.timeout(1000))).toHaveLength(1);
  });
});

test('a function’s log loses only the lines for which there is no room', async () => {
  const { room, lines, disk } = diskOf(10_000);
  const logs = new FunctionLogs(directory, { disk });
  closing.push(() => logs.close());
  const write = async (message: string) => {
    logs.append('f', 's', message);
    await logs.flush();
  };
  await write('before');
  room.left = 10;
  await write('lost'.repeat(100));
  await write('lost too');
  room.left = 10_000;
  await write('after');
  expect((await logs.read('f')).map(({ message }) => message)).toEqual(['before', 'after']);
  expect(lines).toHaveLength(1);
});
