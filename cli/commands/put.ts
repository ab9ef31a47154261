import { createReadStream } from 'node:fs';
import { Upload } from '@aws-sdk/lib-storage';
import type { Command } from 'commander';
import { registry } from '../../datasets/index.ts';
import { describeUnseen, unseenOf } from '../lake/tables/unseen.ts';
import { describeOutcome } from '../ledger/states/describe-state.ts';
import { isStuck, type ObjectState } from '../ledger/states/object-state.ts';
import { waitFor } from '../ledger/states/wait.ts';
import { chosenTarget, stackOption } from '../options/chosen-target.ts';
import { datasetOf, keyIn, statFile } from '../options/files.ts';
import { chosenDataset, datasetNames } from '../options/options.ts';
import { untilReloaded } from '../target/reload/until-reloaded.ts';
import type { Target } from '../target/target.ts';
import { untilInterrupted } from '../target/until-interrupted.ts';
import { uploadedVersion } from '../target/uploaded-version.ts';
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
      if (options.dataset !== undefined) chosenDataset(options.dataset);
      for (const file of files) await statFile(file);
      const target = await chosenTarget(program);
      await untilReloaded(target);
      const keys = files.map((file) => options.key ?? keyFor(file, options.dataset));
      checkKeys(files, keys);
      const uploads = await uploadAll(target, files, keys, (file, key) => {
        if (!options.json) console.log(`${printable(file)} → ${printable(key)}`);
      });
      if (!options.wait) {
        if (options.json) console.log(printableJson(uploads, 2));
        return;
      }
      const states = await untilInterrupted((signal) => waitFor(target, uploads, options.timeout, signal));
      if (options.json)
        console.log(printableJson(states?.map((state, i) => ({ ...uploads[i], ...state })) ?? uploads, 2));
      if (states === undefined) {
        tellHowToGoOn(target, uploads);
        return;
      }
      if (!options.json) for (const state of states) console.log(describeOutcome(state));
      if (states.some((state) => state.fault !== undefined || state.stage === 'rejected' || isStuck(state)))
        process.exitCode = 1;
      if (!options.json) await tellNextSteps(target, states);
    });
}

export interface Uploaded {
  readonly file: string;
  readonly key: string;
  readonly versionId: string;
  readonly dataset: string;
}

const keyFor = (file: string, name: string | undefined) =>
  keyIn(datasetOf(file, name, ', or the key with --key'), file);

/** Checks, before any upload, that no two files become the same object. */
function checkKeys(files: readonly string[], keys: readonly string[]): void {
  for (const [i, key] of keys.entries()) {
    const first = keys.indexOf(key);
    if (first < i)
      throw new UserError(
        `${files[first]} and ${files[i]} would both become ${key}. Upload them one at a time, with --key.`,
      );
  }
}

/** Uploads one file after the other. @throws {UserError} after Ctrl-C: it says how many are uploaded */
async function uploadAll(
  target: Target,
  files: readonly string[],
  keys: readonly string[],
  onUploaded: (file: string, key: string) => void,
): Promise<Uploaded[]> {
  const uploads: Uploaded[] = [];
  for (const [i, file] of files.entries()) {
    const key = keys[i] ?? '';
    const uploaded = await upload(target, file, key).catch((error: Error) => {
      if (error.name !== 'AbortError') throw error;
      const first = i === 1 ? 'first was' : `first ${i} were`;
      const done = i === 0 ? 'nothing was uploaded' : `of ${files.length} files, only the ${first} uploaded`;
      throw new UserError(`Interrupted: ${done}.`);
    });
    uploads.push(uploaded);
    onUploaded(file, key);
  }
  return uploads;
}

/** Uploads a file in parts, so that its size does not matter. @throws {Error} `AbortError` after Ctrl-C */
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
  const versionId = await uploadedVersion(target, key, answer);
  return { file, key, versionId, dataset: registry.nameOf(key) };
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
  } finally {
    sendings.delete(sending);
    if (sendings.size === 0) listen('off');
  }
}

/** After a wait, on stderr: how to query the rows, and whether a crawl must register them first. */
async function tellNextSteps(target: Target, states: readonly ObjectState[]): Promise<void> {
  const withRows = states.filter(({ stage, written }) => stage === 'done' && written > 0);
  const on = stackOption(target);
  for (const unseen of await unseenOf(target, withRows)) console.error(describeUnseen(unseen, on));
  for (const table of new Set(withRows.map(({ dataset }) => dataset)))
    console.error(`To query the rows: npx sluice query${on} "select * from ${table} limit 10"`);
}

function tellHowToGoOn(target: Target, uploads: readonly Uploaded[]): void {
  const on = stackOption(target);
  const keys = uploads.map(({ key }) => quoted(key)).join(' ');
  const what =
    uploads.length === 1
      ? 'The file is uploaded, and the work on it goes on'
      : 'The files are uploaded, and the work on them goes on';
  console.error(`${what}. To see how far it is: npx sluice status${on} ${keys}`);
}

/** A word of a shell's command line. */
const quoted = (word: string) =>
  /^[\w./@%+=:,-]+$/.test(word) ? word : `'${printable(word).replaceAll("'", "'\\''")}'`;
