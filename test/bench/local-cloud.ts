import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
} from '@aws-sdk/client-sqs';
import { Upload } from '@aws-sdk/lib-storage';
import { projectDirectory } from '../../cli/target/directories.ts';
import { instance, localTarget, type Target } from '../../cli/target/target.ts';
import { median, type Section, thousands } from './section.ts';

const MESSAGES = 20_000;
const BATCH = 10;
const CALLERS = 10;
const SMALL_OBJECTS = 2000;
const LARGE_BYTES = 64 * 2 ** 20;
const HUGE_BYTES = 2 ** 30;
const MEMORY_POLL_MS = 50;
const run = promisify(execFile);

/** The local cloud in a process of its own, as a user runs it, driven by the SDK from this one. */
export const localCloud: Section = {
  name: 'local-cloud',
  async run({ directory, runs, onProgress }) {
    const rows: string[][] = [];
    const values: Record<string, number> = {};
    const report = (what: string, key: string, measured: readonly number[], unit: string, goal?: number) => {
      const isLess = unit === 'ms' || unit === 'MB';
      const best = isLess ? Math.min(...measured) : Math.max(...measured);
      values[key] = median(measured);
      rows.push([
        what,
        `${thousands(median(measured))} ${unit}`,
        `${thousands(best)} ${unit}`,
        goal === undefined ? '' : `${isLess ? '<' : '≥'} ${thousands(goal)}`,
      ]);
    };

    onProgress('Starting it');
    const starts = { unchanged: [] as number[], changed: [] as number[] };
    for (let i = 0; i < runs; i += 1) {
      for (const [state, list] of Object.entries(starts)) {
        if (state === 'changed') rmSync(join(projectDirectory, 'dist/build.json'), { force: true });
        const cloud = await Server.start(join(directory, `start-${i}-${state}`));
        list.push(cloud.startMs);
        await cloud.stop();
      }
    }
    report('start-up, of the command and the Pulumi program', 'startMs', starts.unchanged, 'ms', 2000);
    report('the same, with the functions to be bundled', 'startAndBundleMs', starts.changed, 'ms');

    const cloud = await Server.start(join(directory, 'cloud'));
    try {
      onProgress(`Passing ${thousands(MESSAGES)} messages`);
      const passed = await repeated(runs, () => messages(cloud.target));
      report('SendMessageBatch', 'sendPerSecond', passed.send, 'messages/s', 5000);
      report('ReceiveMessage', 'receivePerSecond', passed.receive, 'messages/s', 5000);
      report('DeleteMessageBatch', 'deletePerSecond', passed.remove, 'messages/s', 5000);

      onProgress('Writing and reading objects');
      const { small, put, get } = await repeated(runs, () => objects(cloud.target));
      report('PutObject of 2 KB', 'smallPutsPerSecond', small, 'objects/s', 500);
      report('PutObject of 64 MB', 'putMbPerSecond', put, 'MB/s', 120);
      report('GetObject of 64 MB', 'getMbPerSecond', get, 'MB/s', 200);
    } finally {
      await cloud.stop();
    }

    onProgress('Passing an object of 1 GB');
    const fresh = await Server.start(join(directory, 'memory'));
    try {
      const peak = await fresh.peakMbOf(() => passHuge(fresh.target));
      report('resident memory while an object of 1 GB passes', 'peakMb', [peak], 'MB', 200);
    } finally {
      await fresh.stop();
    }
    return {
      title: 'The local cloud',
      columns: ['', 'median', 'best', 'goal for the median'],
      rows,
      notes: [
        `${runs} runs of each; over the loopback, with the SDK on the same cores; ${CALLERS} callers at a time for messages and small objects, one for large ones. One run of the 1 GB, in parts and back in one piece.`,
        'Started empty, without MySQL, which takes its own time. Bundles are built when one of their sources has changed, and compared with them otherwise.',
        'The SDK signs bodies sent over plain HTTP, so both sides hash every byte that is put: the SDK before it sends the first.',
      ],
      values,
    };
  },
};

/** The results of a few runs of `measure`, by name. */
async function repeated<Name extends string>(
  runs: number,
  measure: () => Promise<Record<Name, number>>,
): Promise<Record<Name, number[]>> {
  const results: Record<Name, number>[] = [];
  for (let i = 0; i < runs; i += 1) results.push(await measure());
  const names = Object.keys(results[0] ?? {}) as Name[];
  return Object.fromEntries(names.map((name) => [name, results.map((each) => each[name])])) as Record<
    Name,
    number[]
  >;
}

/** `npm start` of a directory. */
export class Server {
  readonly target: Target;
  readonly startMs: number;
  /** The address of its page, with the token. */
  readonly page: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, startMs: number, directory: string, printed: string) {
    const { endpoint, outputs } = instance.parse(
      JSON.parse(readFileSync(join(directory, 'instance.json'), 'utf8')),
    );
    this.target = localTarget({ endpoint, outputs }, directory);
    this.startMs = startMs;
    this.page = /Look at it: (\S+)/.exec(printed)?.[1] ?? '';
    this.#child = child;
  }

  /** @param keep whether it keeps its state, and begins with what the directory has */
  static async start(directory: string, { keep = false } = {}): Promise<Server> {
    const startedAt = performance.now();
    const args = ['cli/sluice.mjs', 'start', '--port', '0', '--directory', directory];
    if (!keep) args.push('--ephemeral');
    const child = spawn(process.execPath, args, {
      cwd: projectDirectory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, SLUICE_NO_MYSQL: '1' },
    });
    let printed = '';
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaints += chunk.toString();
    });
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      printed += chunk;
      if (printed.includes('Sluice runs on')) break;
    }
    if (!printed.includes('Sluice runs on')) throw new Error(`The local cloud did not start:\n${complaints}`);
    child.stdout.resume();
    return new Server(child, performance.now() - startedAt, directory, printed);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('The local cloud did not start.');
    return this.#child.pid;
  }

  /** The memory that it has resident, and the most that it had (proc_pid_status(5)), in bytes. */
  get memory(): { now: number; peak: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const bytes = (field: string) =>
      1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
    return { now: bytes('VmRSS'), peak: bytes('VmHWM') };
  }

  /** The largest resident memory, in MB, that it has while `task` runs. */
  async peakMbOf(task: () => Promise<void>): Promise<number> {
    let peakMb = 0;
    const look = async () => {
      const { stdout } = await run('ps', ['-o', 'rss=', '-p', `${this.#child.pid}`]);
      peakMb = Math.max(peakMb, Number(stdout) / 1024);
    };
    const poll = setInterval(() => void look(), MEMORY_POLL_MS);
    await task().finally(() => clearInterval(poll));
    return peakMb;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await ended;
  }
}

/** Runs `task` for 0 … count-1, a few at a time. @returns milliseconds */
export async function timed(count: number, task: (index: number) => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const caller = async () => {
    while (next < count) {
      next += 1;
      await task(next - 1);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return performance.now() - startedAt;
}

/** Messages a second, through a queue that no function polls. */
async function messages({
  sqs,
  outputs,
}: Target): Promise<{ send: number; receive: number; remove: number }> {
  const QueueUrl = outputs.undeliveredQueues.loading;
  const body = 'x'.repeat(500);
  const batches = MESSAGES / BATCH;
  const sendMs = await timed(batches, (batch) => {
    const Entries = Array.from({ length: BATCH }, (_, i) => ({
      Id: `${i}`,
      MessageBody: `${batch}-${i} ${body}`,
    }));
    return sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
  });
  const handles: string[] = [];
  const receiveMs = await timed(batches, async () => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: BATCH, VisibilityTimeout: 600 }),
    );
    handles.push(...Messages.map(({ ReceiptHandle = '' }) => ReceiptHandle));
  });
  if (handles.length !== MESSAGES) throw new Error(`${handles.length} of ${MESSAGES} messages came back.`);
  const removeMs = await timed(batches, (batch) => {
    const Entries = handles
      .slice(batch * BATCH, (batch + 1) * BATCH)
      .map((ReceiptHandle, i) => ({ Id: `${i}`, ReceiptHandle }));
    return sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  });
  const perSecond = (ms: number) => MESSAGES / (ms / 1000);
  return { send: perSecond(sendMs), receive: perSecond(receiveMs), remove: perSecond(removeMs) };
}

/** Into the archive bucket, whose events nobody takes. */
async function objects(target: Target): Promise<{ small: number; put: number; get: number }> {
  const { s3, outputs } = target;
  const Bucket = outputs.buckets.archive;
  const Body = Buffer.alloc(2048, 'x');
  const smallMs = await timed(SMALL_OBJECTS, (i) =>
    s3.send(new PutObjectCommand({ Bucket, Key: `bench/${i}`, Body })),
  );
  const large = Buffer.alloc(LARGE_BYTES, 'x');
  const megabytesPerSecond = async (task: () => Promise<unknown>) => {
    const startedAt = performance.now();
    await task();
    return LARGE_BYTES / 1e6 / ((performance.now() - startedAt) / 1000);
  };
  const put = await megabytesPerSecond(() =>
    s3.send(new PutObjectCommand({ Bucket, Key: 'bench/large', Body: large })),
  );
  const get = await megabytesPerSecond(() => readAll(target, 'bench/large', LARGE_BYTES));
  return { small: SMALL_OBJECTS / (smallMs / 1000), put, get };
}

async function passHuge(target: Target): Promise<void> {
  const chunk = Buffer.alloc(2 ** 20, 'x');
  await new Upload({
    client: target.s3,
    params: {
      Bucket: target.outputs.buckets.archive,
      Key: 'bench/huge',
      Body: Readable.from(
        Array.from({ length: HUGE_BYTES / chunk.length }, () => chunk),
        { objectMode: false },
      ),
    },
  }).done();
  await readAll(target, 'bench/huge', HUGE_BYTES);
}

async function readAll(
  { s3, outputs }: Pick<Target, 's3' | 'outputs'>,
  Key: string,
  expected: number,
): Promise<void> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: outputs.buckets.archive, Key }));
  let bytes = 0;
  if (Body instanceof Readable) for await (const part of Body) bytes += part.length;
  if (bytes !== expected) throw new Error(`${bytes} of ${expected} bytes of ${Key} came back.`);
}
