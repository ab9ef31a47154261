import { expect, test } from 'vitest';
import { publication } from '../../../domain/versions/publication.ts';

const of = { dataset: 'recipes', key: 'recipes/a.json', versionId: 'v1', sequencer: '0A' };
const file = { key: 'recipes/data/a/v1/part-00000~c.parquet', records: 1, bytes: 2 };

test.each([
  ['a part', { type: 'created', ...of, part: 1, parts: 3, files: [file] }],
  ['a version without parts', { type: 'created', ...of, part: 0, parts: 0, files: [] }],
  ['a deletion', { type: 'deleted', ...of }],
])('the document of %s is read as it was written', (_, document) => {
  expect(publication.parse(JSON.parse(JSON.stringify(document)))).toEqual(document);
});

test.each([
  ['says nothing', {}],
  ['is of no kind', { type: 'changed', ...of }],
  ['names no part', { type: 'created', ...of, parts: 1, files: [] }],
  ['has no sequencer', { type: 'deleted', ...of, sequencer: undefined }],
])('a document that %s is refused', (_, document) => {
  expect(publication.safeParse(document).success).toBe(false);
});
