import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DescribeMapRunCommand, ListMapRunsCommand } from '@aws-sdk/client-sfn';
import { latestExecutions } from '../../cli/ledger/executions.ts';
import { projectDirectory } from '../../cli/target/directories.ts';
import { findTarget } from '../../cli/target/target.ts';
import { type Report, report } from '../../domain/operations/backfill.ts';
import { putUnseen, type UnseenObject } from '../pipeline/unseen-objects.ts';
import { megabytes, type Section, seconds, thousands } from './section.ts';

/**
 * What was in the hands of functions that were killed comes back after five minutes: with fewer objects, all
 * would wait for that.
 */
const WORTH_INTERRUPTING = 20_000;
const SAMPLE_MS = 250;

/** Objects that the pipeline never saw, sent through it by the state machine. */
export const backfill: Section = {
  name: 'backfill',
  onRequest: true,
  async run({ directory: parent, objects = 2_000, kill = false, onProgress }) {
    const directory = join(parent, 'backfill');
    await mkdir(directory, { recursive: true });
    onProgress(`${thousands(objects)} objects are put where no event tells of them`);
    await putUnseen(directory, recipes(objects));
    const peaks = { cloud: 0, cli: 0 };
    const begun = performance.now();
    let cloud = await startCloud(directory, peaks);
    const startedMs = performance.now() - begun;
    try {
      const begin = performance.now();
      let running = sluice(directory, ['backfill', 'recipes/', '--json'], peaks, onProgress);
      let killed = 0;
      if (kill || objects >= WORTH_INTERRUPTING) {
        const name = await halfSent(directory, objects);
        onProgress('kill -9 of the local cloud');
        const gone = once(cloud, 'exit');
        cloud.kill('SIGKILL');
        await gone;
        killed = 1;
        await running;
        cloud = await startCloud(directory, peaks);
        running = sluice(directory, ['executions', name, '--follow', '--json'], peaks, onProgress);
      }
      const ended = JSON.parse((await running).stdout) as { report: unknown };
      const ms = performance.now() - begin;
      const told: Report = report.parse(ended.report);
      onProgress('reconcile');
      const reconciling = performance.now();
      const reconciled = await sluice(directory, ['reconcile', '--json'], peaks, onProgress);
      const reconcileMs = performance.now() - reconciling;
      if (told.status !== 'succeeded' || told.objects.succeeded !== objects)
        throw new Error(
          `The backfill ${told.status}: ${JSON.stringify(told.objects)} ${told.troubles.join('; ')}`,
        );
      if (reconciled.status !== 0)
        throw new Error(`Not everything agrees:\n${reconciled.stdout.slice(-2_000)}`);
      return {
        title: `A backfill of ${thousands(objects)} objects through the local cloud`,
        columns: ['', 'time', 'objects/s', 'peak memory of the local cloud', 'of the command line'],
        rows: [
          [
            'npx sluice backfill recipes/',
            seconds(ms),
            (objects / (ms / 1000)).toFixed(1),
            megabytes(peaks.cloud),
            megabytes(peaks.cli),
          ],
        ],
        notes: [
          'Each object is a JSON file of two recipes; it passes all three stages, each a function in a process of its own, is crawled, checked and reported.',
          killed === 0
            ? `Not interrupted: from ${thousands(WORTH_INTERRUPTING)} objects on, the local cloud is killed in the middle.`
            : 'The local cloud was killed (kill -9) when half of the objects were sent, and started again; the execution went on by itself. That is in the time, and so is what was in the hands of functions: it comes back after five minutes.',
          `Afterwards reconcile found in ${seconds(reconcileMs)} that receipts, lake and archive agree; its memory counts among the command line's.`,
          `The local cloud took ${seconds(startedMs)} to start over these objects. Memory: the most that the process had resident (VmHWM); functions have their own.`,
        ],
        values: {
          ms,
          objectsPerSecond: objects / (ms / 1000),
          cloudBytes: peaks.cloud,
          cliBytes: peaks.cli,
          reconcileMs,
          killed,
        },
      };
    } finally {
      cloud.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    }
  },
};

function* recipes(objects: number): Generator<UnseenObject> {
  for (let i = 0; i < objects; i += 1) {
    const recipe = (n: number) => ({
      title: `Soup ${i}.${n}`,
      ingredients: ['water', 'salt', 'onions'],
      directions: ['Chop the onions.', `Boil for ${(i % 50) + 5} minutes.`],
    });
    const day = String(i % 28).padStart(2, '0');
    yield { key: `recipes/2025/${day}/${i}.json`, body: JSON.stringify([recipe(1), recipe(2)]) };
  }
}

interface Peaks {
  cloud: number;
  cli: number;
}

const command = (args: readonly string[]) => [join(projectDirectory, 'cli', 'sluice.mjs'), ...args];
const environment = (directory: string) => ({
  ...process.env,
  SLUICE_DIRECTORY: directory,
  SLUICE_NO_MYSQL: '1',
});

async function startCloud(directory: string, peaks: Peaks): Promise<ChildProcess> {
  const cloud = spawn(process.execPath, command(['start', '--port', '0']), {
    env: environment(directory),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  watch(cloud, (bytes) => {
    peaks.cloud = Math.max(peaks.cloud, bytes);
  });
  let said = '';
  // Left open: what writes into a closed pipe ends.
  for await (const chunk of cloud.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    said += String(chunk);
    if (said.includes('Ctrl-C stops it.')) return cloud;
  }
  throw new Error(`The local cloud did not start:\n${said}`);
}

async function sluice(
  directory: string,
  args: readonly string[],
  peaks: Peaks,
  onProgress: (line: string) => void,
): Promise<{ status: number; stdout: string }> {
  const child = spawn(process.execPath, command(args), {
    env: environment(directory),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  watch(child, (bytes) => {
    peaks.cli = Math.max(peaks.cli, bytes);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const last = text.trim().split('\n').at(-1);
    if (last) onProgress(last);
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status: status ?? -1, stdout: Buffer.concat(chunks).toString() };
}

/**
 * Looks again and again at the most memory that a process has had resident (proc_pid_status(5)); nowhere but
 * on Linux.
 */
function watch(child: ChildProcess, tell: (bytes: number) => void): void {
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      tell(1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0));
    } catch {
      clearInterval(timer);
    }
  }, SAMPLE_MS);
  child.once('close', () => clearInterval(timer));
}

/** Waits until half of the objects are sent. Returns the name of the execution. */
async function halfSent(directory: string, objects: number): Promise<string> {
  const target = await findTarget(undefined, directory);
  for (;;) {
    const [execution] = await latestExecutions(target, 1);
    if (execution !== undefined) {
      const { mapRuns = [] } = await target.sfn.send(new ListMapRunsCommand({ executionArn: execution.arn }));
      const [sending] = mapRuns;
      if (sending !== undefined) {
        const run = await target.sfn.send(new DescribeMapRunCommand({ mapRunArn: sending.mapRunArn }));
        if ((run.itemCounts?.succeeded ?? 0) >= objects / 2) return execution.name;
      }
    }
    await pause(500);
  }
}
