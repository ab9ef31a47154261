import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { renderLogLine } from '../../../cli/terminal/log-line.ts';

const failed = JSON.stringify({
  level: 'ERROR',
  message: 'The message goes back to the queue',
  error: {
    name: 'TransientError',
    code: 'database',
    location: 'file:///var/task/index.mjs:1',
    message: 'The database is down.',
    stack: 'TransientError: The database is down.\n    at load',
  },
  messageId: 'm-1',
  attempt: 2,
  of: 5,
  body: JSON.stringify({
    source: 'aws.s3',
    'detail-type': 'Object Created',
    time: '2026-01-01T00:00:00Z',
    detail: {
      bucket: { name: 'b' },
      object: { key: 'recipes/a.json', 'version-id': 'v1', sequencer: '0A' },
      reason: 'PutObject',
    },
  }),
});
const line = (text: string, all: boolean) =>
  stripVTControlCharacters(renderLogLine(text, new Date().setHours(1, 2, 3, 4), all) ?? '');

test('a line of an error has its code, its cause and the key; the stack and the message only if asked for', () => {
  expect(line(failed, false)).toBe(
    '01:02:03.004 ERROR The message goes back to the queue key=recipes/a.json versionId=v1 attempt=2 of=5 error.code=database error.message="The database is down."',
  );
  expect(line(failed, true)).toMatch(/error\.stack=.*messageId=m-1 .*body=/);
});

test('a line of an error without an object names its message, and keeps the name of an error without a code', () => {
  const other = {
    level: 'ERROR',
    message: 'x',
    messageId: 'm-1',
    body: 'poison',
    error: { name: 'TypeError', message: 'y' },
  };
  expect(line(JSON.stringify(other), false)).toBe(
    '01:02:03.004 ERROR x messageId=m-1 error.code=TypeError error.message=y',
  );
});
