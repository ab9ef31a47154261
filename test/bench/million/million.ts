import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { Server, timed } from '../local-cloud.ts';
import { processorMs } from '../processor-time.ts';
import { median, megabytes, type Section, seconds, thousands } from '../section.ts';
import { fill, rawKey, STORED_OF_EACH } from './stored-objects.ts';

const OBJECTS = 1_000_000;
const RAW = OBJECTS / STORED_OF_EACH;
const PAGE_KEYS = 1000;
const REQUESTS = 2000;

/** The local cloud over a million objects, and beside them. */
export const million: Section = {
  name: 'million',
  onRequest: true,
  async run({ directory: parent, runs, onProgress }) {
    const directory = join(parent, 'million');
    await mkdir(directory, { recursive: true });
    const empty = await Server.start(join(parent, 'million-none'));
    const { buckets } = empty.target.outputs;
    const emptyMs = processorMs(empty.pid);
    await empty.stop();
    onProgress(`${thousands(OBJECTS)} objects are stored`);
    await fill(directory, buckets, RAW);

    const starts: { ms: number; processorMs: number; bytes: number }[] = [];
    const start = async () => {
      onProgress(`start ${starts.length + 1} of ${runs}`);
      const cloud = await Server.start(directory, { keep: true });
      starts.push({ ms: cloud.startMs, processorMs: processorMs(cloud.pid), bytes: cloud.memory.peak });
      return cloud;
    };
    while (starts.length < runs - 1) await (await start()).stop();
    const cloud = await start();
    try {
      const { s3 } = cloud.target;
      onProgress('requests');
      const cost = async (count: number, request: (i: number) => Promise<unknown>) => {
        const before = processorMs(cloud.pid);
        const ms = await timed(count, request);
        return { ms: ms / count, processorMs: (processorMs(cloud.pid) - before) / count };
      };
      const list = await cost(20, async (i) => {
        const StartAfter = rawKey(RAW / 2 + i);
        const { KeyCount } = await s3.send(
          new ListObjectsV2Command({ Bucket: buckets.raw, MaxKeys: PAGE_KEYS, StartAfter }),
        );
        if (KeyCount !== PAGE_KEYS) throw new Error(`${KeyCount} keys are listed.`);
      });
      const Bucket = buckets.archive;
      const Body = Buffer.alloc(2048, 'x');
      const put = await cost(REQUESTS, (i) =>
        s3.send(new PutObjectCommand({ Bucket, Key: `bench/${i}`, Body })),
      );
      const get = await cost(REQUESTS, async (i) => {
        const { Body: body } = await s3.send(new GetObjectCommand({ Bucket, Key: `bench/${i}` }));
        await body?.transformToByteArray();
      });
      const { now, peak } = cloud.memory;
      const startProcessorMs = median(starts.map((each) => each.processorMs));
      const startMs = median(starts.map(({ ms }) => ms));
      const bytes = median(starts.map((each) => each.bytes));
      const journal = statSync(join(directory, 's3/journal.ndjson')).size;
      const ms = (each: typeof list) => [`${each.processorMs.toFixed(1)} ms`, `${each.ms.toFixed(1)} ms`];
      return {
        title: `The local cloud over ${thousands(OBJECTS)} objects`,
        columns: ['', 'processor time', 'time', 'goal'],
        rows: [
          ['start, until it answers', seconds(startProcessorMs), seconds(startMs), '< 5 s of the processor'],
          [`ListObjectsV2 of ${thousands(PAGE_KEYS)} keys in the middle`, ...ms(list), ''],
          ['PutObject of 2 KB', ...ms(put), ''],
          ['GetObject of 2 KB', ...ms(get), ''],
        ],
        notes: [
          `Memory: ${megabytes(bytes)} at the most during the start, and ${megabytes(peak)} after ${thousands(2 * REQUESTS)} requests, when ${megabytes(now)} were resident; the goal is less than 1,000 MB.`,
          `${thousands(RAW)} raw objects of 200 bytes, and beside each its ledger entry, its receipts, its publication and its files, in four buckets. A fifth was put twice, and a twentieth deleted. The journal has ${megabytes(journal)}.`,
          `The processor time is that of the process of npm start, whose start over nothing takes ${seconds(emptyMs)} of it; ${runs} starts. Requests by ten callers at a time, on the same cores.`,
        ],
        values: { startMs, startProcessorMs, bytes, peak, listMs: list.processorMs, putMs: put.processorMs },
      };
    } finally {
      await cloud.stop();
    }
  },
};
