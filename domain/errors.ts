import type { Stage } from './stage.ts';

/** The reasons why a whole object, not just a record, can't be processed. Retries don't help. */
export const permanentCodes = [
  'unknown_prefix',
  'empty_file',
  'unknown_format',
  'truncated',
  'corrupt_compression',
  'compression_bomb',
  'window_too_large',
  'encrypted',
  'unsupported_compression',
  'unsupported_layout',
  'corrupt_file',
  'trailing_content',
  'unreadable_header',
  'missing_column',
  'duplicate_column',
  'unknown_column',
  'unclosed_quote',
  'too_many_rejects',
  'too_few_records',
  'shrunk',
  'duplicate_keys',
  'too_many_keys',
  'version_not_found',
  'unreadable_part',
] as const;
export type PermanentCode = (typeof permanentCodes)[number];

/** The reasons for failures that a retry may overcome. */
export const transientCodes = [
  'unreadable_message',
  'storage',
  'throttled',
  'interrupted',
  'in_progress',
  'database',
  'unreadable_document',
  'unexpected',
] as const;
export type TransientCode = (typeof transientCodes)[number];

interface Circumstances {
  readonly stage: Stage;
  readonly cause?: unknown;
}

/**
 * Thrown if the object is at fault: the reason goes to the failed bucket, and the message is acknowledged.
 */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
  readonly code: PermanentCode;
  readonly stage: Stage;

  constructor(code: PermanentCode, message: string, { stage, cause }: Circumstances) {
    super(message, { cause });
    this.code = code;
    this.stage = stage;
  }
}

/** Thrown if anything but the object is at fault: the message goes back to the queue and is retried. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
  readonly code: TransientCode;
  readonly stage: Stage;

  constructor(code: TransientCode, message: string, { stage, cause }: Circumstances) {
    super(message, { cause });
    this.code = code;
    this.stage = stage;
  }
}

/** The message of a thrown value, which need not be an Error. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
