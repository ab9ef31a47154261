import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { Screen } from '../../cli/terminal/frame.ts';
import { startTestPipeline, type TestPipeline } from '../pipeline/running-pipeline.ts';
import { documents, finished, startSluice } from './sluice.ts';

let pipeline: TestPipeline;

beforeAll(async () => {
  pipeline = await startTestPipeline();
});

afterAll(() => pipeline.close());

const put = (Key: string) => {
  const Body = JSON.stringify({ title: 'Soup', ingredients: ['water'], directions: ['Stir.'] });
  return pipeline.target.s3.send(
    new PutObjectCommand({ Bucket: pipeline.target.outputs.buckets.raw, Key, Body }),
  );
};

test('status --watch shows what ends until Ctrl-C: as blocks without a terminal, as one document per line with --json', async () => {
  const watching = [[], ['--json']].map((more) =>
    startSluice(pipeline.directory, ['status', '--watch', '--interval', '200ms', ...more]),
  );
  const [blocks, json] = watching.map((child, i) => finished(child, i === 0 ? '✓ done' : '"outcome":"done"'));
  for (const child of watching) await new Promise((resolve) => child.stdout?.once('data', resolve));
  await put('recipes/watched.ndjson');
  const text = await blocks;
  expect(text).toMatchObject({ status: 0, stderr: '' });
  expect(text?.stdout).toMatch(
    /records a second\n\nSTAGE .*\nextraction [\s\S]*\nENDED LAST\n.* ✓ done recipes\/watched\.ndjson/,
  );
  expect(text?.stdout).not.toContain('\u001b');
  const all = await json;
  expect(all).toMatchObject({ status: 0, stderr: '' });
  const frames = all === undefined ? [] : documents(all);
  expect(frames[0]).toMatchObject({
    stages: ['extraction', 'transformation', 'commit', 'loading'].map((stage) => ({ stage, depths: [0] })),
    ended: [],
  });
  expect(frames.at(-1)).toMatchObject({
    ended: [{ key: 'recipes/watched.ndjson', ended: { read: 1, written: 1 } }],
  });
});

test('a terminal shows frames in place on its other screen, and is then as it was', () => {
  const { isTTY, rows } = process.stdout;
  Object.assign(process.stdout, { isTTY: true, rows: 3 });
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  onTestFinished(() => {
    write.mockRestore();
    Object.assign(process.stdout, { isTTY, rows });
  });
  const screen = new Screen();
  screen.show('one\ntwo\nthree');
  screen.show('four');
  screen.close();
  screen.close();
  expect(write.mock.calls.map(([text]) => text)).toEqual([
    '\u001b[?1049h\u001b[?25l\u001b[Hone\u001b[K\ntwo\u001b[K\n\u001b[J',
    '\u001b[Hfour\u001b[K\n\u001b[J',
    '\u001b[?25h\u001b[?1049l',
  ]);
});
