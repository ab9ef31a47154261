import type { Readable } from 'node:stream';
import { Upload } from '@aws-sdk/lib-storage';
import * as z from 'zod';
import { type Stage, stages } from '../../domain/stage.ts';
import {
  type DeadLetterGroup,
  type DeadLetterSelection,
  everything,
  grouped,
  isEverything,
  selected,
} from '../../domain/versions/failures/selection.ts';
import { deadLetterQueues, withOpenQueues } from '../ledger/dead-letters/dead-letters.ts';
import { redriveAll, redriveSome } from '../ledger/dead-letters/redrive.ts';
import { newExecutionName, startExecution } from '../ledger/executions.ts';
import { replayed } from '../ledger/replay.ts';
import { RunRecord } from '../ledger/run-record.ts';
import type { Target } from '../target/target.ts';
import { uploadedVersion } from '../target/uploaded-version.ts';
import { UserError } from '../terminal/user-error.ts';

// What the page may do: send back, reprocess and upload. It deletes nothing.

const REDRIVES_PER_SECOND = 200;
const REPLAYS_PER_SECOND = 50;

const texts = z.array(z.string().max(2048)).max(10_000).default([]);

export const redriveRequest = z.strictObject({
  stage: z.enum(stages).optional(),
  codes: texts,
  messages: texts,
});

export interface Redrive {
  readonly sent: number;
  /** About how many more there are that could not be read. */
  readonly unseen: number;
  /** The key of the run's record in the failed bucket. */
  readonly record: string;
}

/** Sends messages back to their stages, as `npx sluice redrive` does, with a record of the run. */
export async function redrive(target: Target, asked: z.output<typeof redriveRequest>): Promise<Redrive> {
  const { stage, codes, messages } = asked;
  const of: readonly Stage[] = stage === undefined ? stages : [stage];
  const selection: DeadLetterSelection = { ...everything, codes, messages };
  const queues = deadLetterQueues(target, of);
  const record = new RunRecord(target, 'redrives', { action: 'redrive', stages: of, selection, from: 'ui' });
  await record.begin({ messages: [] });
  const sending = { rate: REDRIVES_PER_SECOND, signal: new AbortController().signal, onSent: () => {} };
  const all = isEverything(selection);
  const done = all
    ? await redriveAll(target, queues, false, sending)
    : await redriveSome(target, queues, (letters) => selected(letters, selection), sending);
  await record.end({ sent: done.count, complete: true, messages: done.sent });
  return { sent: done.count, unseen: done.unseen, record: record.key };
}

export interface DeadLetters {
  /** By reason. */
  readonly groups: readonly DeadLetterGroup[];
  readonly messages: number;
  readonly unseen: number;
}

/** Reads the DLQs and undelivered queues. To read is to receive: the messages are hidden for a moment. */
export function deadLetters(target: Target): Promise<DeadLetters> {
  const signal = new AbortController().signal;
  return withOpenQueues(target, deadLetterQueues(target, stages), signal, async (open) => {
    const letters = open.flatMap((each) => each.letters);
    const unseen = open.reduce((sum, each) => sum + each.unseen, 0);
    return { groups: grouped(letters), messages: letters.length, unseen };
  });
}

export const replayRequest = z
  .strictObject({ keys: texts, codes: texts, dataset: z.string().optional() })
  .refine(({ keys, codes }) => keys.length + codes.length > 0, 'Say what to replay: keys or a code.');

export interface Replay {
  readonly sent: number;
  readonly skipped: readonly { readonly key: string; readonly why: string }[];
}

/** Reprocesses objects: those of keys whatever they are, those of a code if the deployed code is newer. */
export async function replay(
  target: Target,
  { keys, codes, dataset }: z.output<typeof replayRequest>,
): Promise<Replay> {
  const skipped: { key: string; why: string }[] = [];
  let sent = 0;
  const request = { keys, codes, dataset, since: 0, force: keys.length > 0 };
  for await (const { key, event, skipped: why = '' } of replayed(target, request, REPLAYS_PER_SECOND)) {
    if (event === undefined) skipped.push({ key, why });
    else sent += 1;
  }
  if (sent === 0 && skipped.length === 0)
    throw new UserError(
      keys.length > 0
        ? 'The ledger does not know this object: nothing has extracted it yet.'
        : 'No object has a reject or fault with this code any more.',
    );
  return { sent, skipped };
}

export const backfillRequest = z.strictObject({ prefix: z.string().max(1024), dryRun: z.boolean() });

/** Starts a backfill of a prefix. It runs on its own. @returns the execution's name */
export async function backfill(
  target: Target,
  { prefix, dryRun }: z.output<typeof backfillRequest>,
): Promise<{ readonly name: string }> {
  const { name } = await startExecution(target, 'backfill', newExecutionName(), { prefix, dryRun });
  return { name };
}

export const uploadRequest = z.strictObject({ key: z.string().min(1).max(1024) });

/**
 * Stores a file in the raw bucket, as `npx sluice put` does. It may overwrite, which keeps the old version.
 */
export async function upload(
  target: Target,
  key: string,
  body: Readable,
): Promise<{ readonly key: string; readonly versionId: string }> {
  if (Buffer.byteLength(key) > 1024) throw new UserError('The key is longer than S3’s 1,024 bytes.');
  const Bucket = target.outputs.buckets.raw;
  const answer = await new Upload({ client: target.s3, params: { Bucket, Key: key, Body: body } }).done();
  return { key, versionId: await uploadedVersion(target, key, answer) };
}
