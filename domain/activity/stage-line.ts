import * as z from 'zod';
import { stages } from '../stage.ts';
import { parsePartKey, parsePublicationKey, type VersionPath, versionPath } from '../versions/key-layout.ts';
import { findObjectEvent } from '../versions/object-event.ts';
import { tally } from '../versions/receipt.ts';
import { revisionName } from '../versions/revision.ts';

/**
 * `duplicate`: the work was done before, and has a receipt. `stale`: a newer event took effect. `retracted`:
 * the deletion of an object was published, or is done in a sink. `kept`: the object was deleted, and its
 * dataset keeps the rows. `ignored`: it is a directory marker, or its deletion. `continued`: the rest of a
 * large object was handed to a message of its own.
 */
export const results = [
  'done',
  'duplicate',
  'stale',
  'retracted',
  'kept',
  'ignored',
  'continued',
  'failed',
] as const;
export type Result = (typeof results)[number];

/** How the line of a message's outcome begins, and the line of one that goes back to the queue. */
export const OUTCOME_LINE = 'The object is';
export const RETRY_LINE = 'The message goes back to the queue';

/** A revision of a raw object. */
const revision = z.object({ key: z.string(), versionId: z.string() });
export type ObjectRevision = Readonly<z.infer<typeof revision>>;

/** What the function of a stage logs of the outcome of a message. */
const outcomeLine = z.object({
  service: z.enum(stages),
  message: z.string().startsWith(OUTCOME_LINE),
  /** Of the input: the raw object, a part, or a document of a publication. */
  key: z.string(),
  versionId: z.string(),
  dataset: z.string(),
  result: z.enum(results),
  read: z.int(),
  written: z.int(),
  filtered: tally,
  rejected: tally,
  /** Where the input comes from; absent if the stage has not read it. */
  object: revision.optional(),
  /** The parts of an extraction, the files of a transformation; absent if it made none now. */
  outputs: z.int().optional(),
  fault: z.object({ code: z.string(), message: z.string() }).optional(),
  /** Of a transformation: the extraction did it in place, and the raw object is the input. */
  inPlace: z.literal(true).optional(),
  /** When the message was sent to the stage's queue; absent if there was none. */
  sentAt: z.iso.datetime().optional(),
});
export type OutcomeLine = z.infer<typeof outcomeLine>;

/** What it logs of a message that is retried, or dead-lettered after its last attempt. */
const retryLine = z.object({
  service: z.enum(stages),
  message: z.literal(RETRY_LINE),
  body: z.string(),
  attempt: z.int(),
  of: z.int(),
  error: z.looseObject({ code: z.string().optional(), message: z.string() }),
});
export type RetryLine = z.infer<typeof retryLine>;

const stageLine = z.union([outcomeLine, retryLine]);
export type StageLine = z.infer<typeof stageLine>;

/** Reads a line of the log of a stage's function; `undefined` if it tells of no message. */
export function parseStageLine(text: string): StageLine | undefined {
  try {
    return stageLine.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export const isRetry = (line: StageLine): line is RetryLine => 'attempt' in line;

/** The version that a line is about; `undefined` if its input was not written by the pipeline. */
export function pathOfLine(line: OutcomeLine): VersionPath | undefined {
  const { service, dataset, key, versionId, object = { key, versionId } } = line;
  const isOfRaw = service === 'extraction' || line.inPlace === true;
  return isOfRaw ? versionPath({ dataset, ...object }) : pathOfInput(key);
}

/** The same for a message that is retried. @param datasetOf the name of a raw key's dataset */
export function pathOfRetry(
  { service, body }: RetryLine,
  datasetOf: (key: string) => string,
): { readonly path: VersionPath | undefined; readonly object: ObjectRevision } | undefined {
  const event = findObjectEvent(body);
  if (event === undefined) return undefined;
  const { key } = event;
  const object = { key, versionId: revisionName(event.versionId, event.revision) };
  if (service !== 'extraction') return { path: pathOfInput(key), object };
  return { path: versionPath({ dataset: datasetOf(key), ...object }), object };
}

const pathOfInput = (key: string) => parsePartKey(key) ?? parsePublicationKey(key);
