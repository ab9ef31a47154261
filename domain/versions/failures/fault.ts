import * as z from 'zod';
import type { PermanentError, TransientError } from '../../errors.ts';
import { type Stage, stages } from '../../stage.ts';
import { parseDocument, UnreadableDocument } from '../document.ts';

const attempt = z.object({
  number: z.int().positive(),
  /** After so many attempts, the message goes to the DLQ. */
  of: z.int().positive(),
  /** When its invocation began, by the function's clock. */
  startedAt: z.iso.datetime(),
  /** Whether it has failed. Otherwise it has only begun when the note was written. */
  failed: z.boolean(),
  /** When the message is received again; without it, after the queue's visibility timeout. */
  again: z.iso.datetime().optional(),
});
/** Which attempt at a message a note is about. */
export type Attempt = z.infer<typeof attempt>;

const fault = z.object({
  stage: z.enum(stages),
  versionId: z.string(),
  code: z.string(),
  message: z.string(),
  /** Of a note, since November 2026. */
  attempt: attempt.optional().catch(undefined),
});

/**
 * A document that a stage left in the failed bucket: why it could not process an object (under `faults/`), or
 * the error of an attempt at a message (under `attempts/`; of the last one under `gave-up/`).
 */
export interface Fault {
  /** `undefined` if the document can't be read; the message says so. */
  readonly stage: Stage | undefined;
  readonly versionId: string | undefined;
  readonly code: string;
  readonly message: string;
  readonly attempt?: Attempt | undefined;
}

/** The version of an object, or a message that can't be read. */
export type FaultSubject =
  | { readonly key: string; readonly versionId: string }
  | { readonly messageId: string; readonly body: string };

const MOST_OF_BODY = 2048;

export function renderFault(
  subject: FaultSubject,
  { stage, code, message }: PermanentError | TransientError,
  attempt?: Attempt,
): string {
  const of =
    'messageId' in subject
      ? { messageId: subject.messageId, body: subject.body.slice(0, MOST_OF_BODY) }
      : { key: subject.key, versionId: subject.versionId };
  return `${JSON.stringify({ stage, ...of, code, message, attempt }, null, 2)}\n`;
}

/** Reads a document of `renderFault`. If it is damaged, the fault says so. `place` is its bucket and key. */
export function parseFault(text: string, place: { readonly bucket: string; readonly key: string }): Fault {
  try {
    return parseDocument(fault, text, place);
  } catch (error) {
    if (!(error instanceof UnreadableDocument)) throw error;
    return { stage: undefined, versionId: undefined, code: 'unreadable_note', message: error.message };
  }
}
