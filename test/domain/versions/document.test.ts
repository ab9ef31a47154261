import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { batchOutcomes, batchRecord, report } from '../../../domain/operations/backfill.ts';
import { rejectLine } from '../../../domain/records/reject.ts';
import { parseDocument, renderDocument, UnreadableDocument } from '../../../domain/versions/document.ts';
import { ledgerEntry } from '../../../domain/versions/ledger.ts';
import { receipt, writtenReceipt } from '../../../domain/versions/receipt.ts';

/**
 * Documents as the pipeline wrote them in November 2026: buckets hold them for as long as there are buckets.
 */
const old = JSON.parse(
  readFileSync(new URL('../../documents/2026-11.json', import.meta.url), 'utf8'),
) as Record<string, Record<string, unknown>>;
const at = { bucket: 'ledger', key: 'k' };

const schemas = {
  head: ledgerEntry,
  extraction: receipt,
  transformation: receipt,
  loading: receipt,
  reject: rejectLine,
  batch: batchRecord,
  ends: batchOutcomes,
  report,
} as const;

describe('a document that older code wrote', () => {
  it.each(Object.entries(schemas))('is read by this code: %s', (name, schema) => {
    const { durationMs: _, valid: __, processed, archive, ...rest } = old[name] ?? {};
    const ofOneFile = processed as { readonly key: string } | undefined;
    const expected = { ...rest, ...(ofOneFile && { files: [{ key: ofOneFile.key, archive }] }) };
    expect(parseDocument<z.ZodType>(schema, JSON.stringify(old[name]), at)).toMatchObject(expected);
  });

  it('reads a negative duration as zero', () => {
    expect(receipt.parse(old['transformation'])).toMatchObject({ durationMs: 0 });
  });

  it('keeps the fields of a ledger entry that only newer code knows', () => {
    const known = old['head'] as { current: object; attempts: object[] };
    const newer = {
      ...known,
      published: { snapshot: 7 },
      current: { ...known.current, at: 'x' },
      attempts: known.attempts.map((each) => ({ ...each, y: 1 })),
    };
    expect(parseDocument(ledgerEntry, JSON.stringify(newer), at)).toEqual(newer);
  });

  it('is read even if newer code has other reject codes', () => {
    expect(rejectLine.parse({ ...old['reject'], code: 'inexact_number' })).toMatchObject({
      code: 'inexact_number',
    });
  });
});

describe('a document that could not be read again', () => {
  it('is not written: a duration below zero', () => {
    const spoiled = receipt.parse(old['extraction']);
    expect(() => renderDocument(writtenReceipt, { ...spoiled, durationMs: -5 })).toThrow(
      'The document was not written, since it could not be read again: durationMs:',
    );
  });

  it.each([
    { what: 'no JSON', text: '{"dataset":', says: /^s3:\/\/ledger\/k can’t be read: .*JSON/ },
    { what: 'another document', text: '{"dataset":1}', says: 's3://ledger/k can’t be read: dataset:' },
  ])('names itself when it is read: $what', ({ text, says }) => {
    const read = () => parseDocument(ledgerEntry, text, at);
    expect(read).toThrow(UnreadableDocument);
    expect(read).toThrow(says);
  });
});
