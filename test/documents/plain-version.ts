import { readFileSync } from 'node:fs';
import {
  extractionReceiptKey,
  ledgerEntryKey,
  objectId,
  transformationReceiptKey,
  versionPath,
  versionSegment,
} from '../../domain/versions/key-layout.ts';

const old = readFileSync(new URL('2026-11.json', import.meta.url), 'utf8');

/**
 * The documents of a version as code of November 2026 left them, by their keys in the ledger bucket, and the
 * key of its plain file: one record, which every sink showed.
 */
export function plainVersion(key: string, versionId: string, sequencer = '0A') {
  const path = versionPath({ dataset: 'recipes', key, versionId });
  const text = old
    .replaceAll('a.ndjson~7d80340be06c628b6dcd4f13', objectId(key))
    .replaceAll('recipes/a.ndjson"', `${key}"`)
    .replaceAll('/v1/', `/${path.version}/`)
    .replaceAll('~v1.', `~${versionSegment(versionId)}.`)
    .replaceAll('"v1"', JSON.stringify(versionId))
    .replaceAll('"0A"', JSON.stringify(sequencer));
  const { head, extraction, transformation, loading } = JSON.parse(text) as Record<string, object>;
  const [{ key: file }] = (transformation as { outputs: [{ key: string }] }).outputs;
  const loadingKey = transformationReceiptKey(path, 0).replace('transformation/', 'loading/difficulty=easy/');
  return {
    path,
    file,
    documents: {
      [ledgerEntryKey(path)]: { ...head, attempts: [], superseded: [] },
      [extractionReceiptKey(path)]: { ...extraction, fault: undefined, rejects: [], rejected: {}, read: 1 },
      [transformationReceiptKey(path, 0)]: transformation,
      [loadingKey]: loading,
    } as Readonly<Record<string, object>>,
  };
}
