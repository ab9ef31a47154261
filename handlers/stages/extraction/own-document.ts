import type * as z from 'zod';
import {
  type DocumentAddress,
  parseDocument,
  UnreadableDocument,
} from '../../../domain/versions/document.ts';

/**
 * Reads a document that only saves work.
 *
 * @returns `undefined` if it can't be read, or other code wrote it
 */
export function ownDocument<Read extends { readonly codeVersion: string }>(
  schema: z.ZodType<Read>,
  text: string,
  address: DocumentAddress,
  codeVersion: string,
): Read | undefined {
  try {
    const found = parseDocument(schema, text, address);
    return found.codeVersion === codeVersion ? found : undefined;
  } catch (error) {
    if (error instanceof UnreadableDocument) return undefined;
    throw error;
  }
}
