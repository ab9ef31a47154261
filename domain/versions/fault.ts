import * as z from 'zod';
import type { PermanentError, TransientError } from '../errors.ts';
import { type Stage, stages } from '../stage.ts';
import { parseDocument, UnreadableDocument } from './document.ts';

const fault = z.object({
  stage: z.enum(stages),
  versionId: z.string(),
  code: z.string(),
  message: z.string(),
});

/**
 * What a stage left in the failed bucket: why it could not process an object (under `faults/`), or what its last attempt at
 * a message failed of (under `gave-up/`).
 */
export interface Fault {
  /** Absent where the document can't be read, which its message says then. */
  readonly stage: Stage | undefined;
  readonly versionId: string | undefined;
  readonly code: string;
  readonly message: string;
}

/** A version of an object, or a message of which nobody can read what it is about. */
export type FaultSubject =
  | { readonly key: string; readonly versionId: string }
  | { readonly messageId: string; readonly body: string };

const MOST_OF_BODY = 2048;

export function renderFault(
  subject: FaultSubject,
  { stage, code, message }: PermanentError | TransientError,
): string {
  const of =
    'messageId' in subject
      ? { messageId: subject.messageId, body: subject.body.slice(0, MOST_OF_BODY) }
      : { key: subject.key, versionId: subject.versionId };
  return `${JSON.stringify({ stage, ...of, code, message }, null, 2)}\n`;
}

/** Reads what `renderFault` wrote; of what is damaged, the fault is that. `place` is where it lies. */
export function parseFault(text: string, place: { readonly bucket: string; readonly key: string }): Fault {
  try {
    return parseDocument(fault, text, place);
  } catch (error) {
    if (!(error instanceof UnreadableDocument)) throw error;
    return { stage: undefined, versionId: undefined, code: 'unreadable_note', message: error.message };
  }
}
