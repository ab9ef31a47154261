import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, resolve, sep } from 'node:path';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { Command } from 'commander';
import { datasets, registry } from '../../datasets/index.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { describeOutcome, describeState, troubleText } from '../ledger/states/describe-state.ts';
import {
  isFinal,
  isStuck,
  type ObjectState,
  objectState,
  withTrouble,
} from '../ledger/states/object-state.ts';
import { TroubleFinder } from '../ledger/states/trouble.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { chosenDataset, datasetNames } from '../options/options.ts';
import type { Target } from '../target/target.ts';
import { bytes, Progress, printable, printableJson } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface PutOptions {
  readonly dataset?: string;
  readonly key?: string;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly json?: boolean;
}

export function put(program: Command): void {
  program
    .command('put')
    .description('upload files to the raw bucket, where the pipeline picks them up')
    .argument('<file...>', 'files to upload')
    .option(
      '-d, --dataset <name>',
      `the dataset of the files: ${datasetNames}; by default, the one that their folder is named after`,
    )
    .option(
      '-k, --key <key>',
      'the key to upload to (one file only); by default the dataset’s prefix and the file’s name',
    )
    .option(
      '-w, --wait',
      'wait until every record is in the lake, filtered or rejected; exit 1 if a file could not be read, if all of its records were rejected, or if it was dead-lettered',
    )
    .option('--timeout <seconds>', 'how long to wait at most', Number, 3600)
    .option('--json', 'print the result as JSON')
    .action(async (files: string[], options: PutOptions) => {
      if (!(options.timeout > 0)) throw new UserError('--timeout must be a number of seconds above 0.');
      if (options.key === '') throw new UserError('--key must have at least one character.');
      if (options.key !== undefined && files.length > 1)
        throw new UserError('--key works with one file only.');
      const target = await chosenTarget(program);
      const keys = files.map((file) => options.key ?? keyFor(file, options.dataset));
      await checkFiles(files, keys);
      const uploads: Uploaded[] = [];
      for (const [i, file] of files.entries()) uploads.push(await upload(target, file, keys[i] ?? ''));
      if (!options.json)
        for (const { file, key } of uploads) console.log(`${printable(file)} → ${printable(key)}`);
      if (!options.wait) {
        if (options.json) console.log(printableJson(uploads, 2));
        return;
      }
      const states = await waitFor(target, uploads, options.timeout);
      if (options.json) console.log(printableJson(states, 2));
      else for (const state of states) console.log(describeOutcome(state));
      if (states.some((state) => state.fault !== undefined || state.stage === 'rejected' || isStuck(state)))
        process.exitCode = 1;
    });
}

export interface Uploaded {
  readonly file: string;
  readonly key: string;
  readonly versionId: string;
}

function keyFor(file: string, name: string | undefined): string {
  const dataset = name === undefined ? datasetOfFolder(file) : chosenDataset(name);
  if (dataset === undefined)
    throw new UserError(
      `The dataset of ${file} is unknown: no folder above it is named after one. Name it with --dataset (${datasetNames}), or the key with --key.`,
    );
  return `${dataset.source.prefix}${basename(file)}`;
}

/**
 * `examples/recipes/soups.ndjson` holds recipes. If several folders are named after datasets, the innermost
 * counts.
 */
function datasetOfFolder(file: string): Dataset | undefined {
  const folders = resolve(file).split(sep).slice(0, -1).reverse();
  const named = folders.map((name) => registry.named(name)).find((dataset) => dataset !== undefined);
  return named ?? (datasets.length === 1 ? datasets[0] : undefined);
}

async function statFile(file: string) {
  const found = await stat(file).catch((error: Error) => {
    throw new UserError(`${file} can't be read: ${error.message}`);
  });
  if (found.isDirectory()) throw new UserError(`${file} is a directory. Name its files: ${file}/*`);
  return found;
}

/** Checks, before any upload, that each file can be read and that no two become the same object. */
async function checkFiles(files: readonly string[], keys: readonly string[]): Promise<void> {
  for (const file of files) await statFile(file);
  for (const [i, key] of keys.entries()) {
    const first = keys.indexOf(key);
    if (first < i)
      throw new UserError(
        `${files[first]} and ${files[i]} would both become ${key}. Upload them one at a time, with --key.`,
      );
  }
}

/** Uploads a file in parts, so that its size does not matter. */
export async function upload(target: Target, file: string, key: string): Promise<Uploaded> {
  const Bucket = target.outputs.buckets.raw;
  const { size } = await statFile(file);
  const progress = new Progress();
  const sending = new Upload({
    client: target.s3,
    params: { Bucket, Key: key, Body: createReadStream(file) },
  });
  sending.on('httpUploadProgress', ({ loaded = 0 }) => {
    if (loaded < size) progress.show(`Uploading ${printable(key)}: ${bytes(loaded)} of ${bytes(size)}`);
  });
  const answer = await unlessInterrupted(sending).finally(() => progress.end());
  // The answer to a multipart upload may not have it.
  const VersionId =
    answer.VersionId ?? (await target.s3.send(new HeadObjectCommand({ Bucket, Key: key }))).VersionId;
  return { file, key, versionId: VersionId ?? 'null' };
}

/** The uploads that are running. They share one listener for each signal. */
const sendings = new Set<Upload>();

function abortAll(): void {
  listen('off');
  for (const sending of sendings) void sending.abort();
}

function listen(change: 'on' | 'off'): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process[change](signal, abortAll);
}

/** On Ctrl-C, aborts the upload first: S3 would keep its parts, unseen, and bill them. */
async function unlessInterrupted(sending: Upload): ReturnType<Upload['done']> {
  if (sendings.size === 0) listen('on');
  sendings.add(sending);
  try {
    return await sending.done();
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw new UserError('Interrupted: nothing was uploaded.');
    throw error;
  } finally {
    sendings.delete(sending);
    if (sendings.size === 0) listen('off');
  }
}

const POLL_MS = 200;
const LOOK_AT_TROUBLES_MS = 2000;

/**
 * Waits until each upload has reached its end or is stuck, and shows the progress.
 *
 * @throws {UserError} on a timeout
 */
export async function waitFor(
  target: Target,
  uploads: readonly Uploaded[],
  timeoutSeconds: number,
): Promise<ObjectState[]> {
  const progress = new Progress();
  const settled = new Map<Uploaded, ObjectState>();
  const since = Date.now();
  const end = since + timeoutSeconds * 1000;
  const troubles = new Map<Uploaded, ObjectState['trouble']>();
  let lookedAt = since;
  try {
    while (settled.size < uploads.length) {
      const waiting = uploads.filter((each) => !settled.has(each));
      const isDue = Date.now() - lookedAt > LOOK_AT_TROUBLES_MS;
      const finder = isDue ? new TroubleFinder(target) : undefined;
      if (isDue) lookedAt = Date.now();
      let position = '';
      for (const each of waiting) {
        const found = await objectState(target, each.key, each.versionId);
        const begun = { ...found, since: found.since ?? since };
        if (finder !== undefined) troubles.set(each, (await withTrouble(begun, finder)).trouble);
        const state = isFinal(begun) ? begun : { ...begun, trouble: troubles.get(each) };
        if (isFinal(state) || isStuck(state)) settled.set(each, state);
        else position ||= [describeState(state), troubleText(state)].filter(Boolean).join('; ');
      }
      if (position === '') continue;
      progress.show(`${settled.size} of ${uploads.length} done; ${position}`);
      if (Date.now() > end)
        throw new UserError(
          `Timeout after ${timeoutSeconds} s. ${position}; the work goes on. To see its progress: npx sluice status`,
        );
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    progress.end();
  }
  return uploads.flatMap((each) => settled.get(each) ?? []);
}
