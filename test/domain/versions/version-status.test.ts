import { expect, test } from 'vitest';
import { versionPath } from '../../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../../domain/versions/ledger.ts';
import { isActive, statusOf } from '../../../domain/versions/version-status.ts';

const key = 'recipes/a.json';
const pathOf = (versionId: string) => versionPath({ dataset: 'recipes', key, versionId });
const attempt = (versionId: string, status: 'extracting' | 'rejected', parts = 0) => ({
  sequencer: '40',
  versionId,
  status,
  message: '',
  invocation: '',
  codeVersion: '',
  leaseUntil: 0,
  parts,
});
const known: LedgerEntry = {
  dataset: 'recipes',
  key,
  current: { type: 'created', sequencer: '30', versionId: 'v3' },
  attempts: [attempt('v4', 'extracting'), attempt('v5', 'rejected'), attempt('v6', 'rejected', 2)],
  superseded: ['v2'],
};

test.each([
  ['v1', 'gone'],
  ['v2', 'superseded'],
  ['v3', 'live'],
  ['v3!0001', 'gone'],
  ['v4', 'live'],
  // Its parts are still to be transformed.
  ['v6', 'live'],
  ['v5', 'gone'],
] as const)('the version %s is %s', (versionId, status) => {
  expect(statusOf(known, pathOf(versionId))).toBe(status);
});

test('a version of a key that the ledger does not know may become active', () => {
  expect(statusOf(undefined, pathOf('v1'))).toBe('live');
});

test('a version that was deleted for good is not live, although the deletion has its name', () => {
  const entry = { ...known, current: { type: 'deleted', sequencer: '30', versionId: 'v3' } } as const;
  expect(statusOf(entry, pathOf('v3'))).toBe('gone');
  expect(isActive(entry, pathOf('v3'))).toBe(true);
});

test('only the version that took effect last is active', () => {
  expect(['v2', 'v3', 'v4'].map((versionId) => isActive(known, pathOf(versionId)))).toEqual([
    false,
    true,
    false,
  ]);
  expect(isActive(undefined, pathOf('v1'))).toBe(false);
});
