import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as pulumi from '@pulumi/pulumi';
import { describe, expect, test } from 'vitest';
import { naming } from '../../../infra/naming.ts';
import { root } from '../stacks.ts';

/** Starts the program in a Node that says that it is this version. */
async function startedBy(version: string): Promise<string> {
  const pretends = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
  const given = ['--import', `data:text/javascript,${encodeURIComponent(pretends)}`];
  const { stderr } = await promisify(execFile)(process.execPath, [...given, join(root, 'infra/start.mjs')], {
    cwd: root,
  }).catch((error: { stderr: string }) => error);
  return stderr;
}

describe('the program, started by a Node', () => {
  test.each(['20.19.0', '22.17.1'])('%s, which can’t run it, says so', async (version) => {
    expect(await startedBy(version)).toContain(
      `RunError: The program needs Node 22.18 or later, and this is ${version}.`,
    );
  });

  test.each(['22.18.0', '24.0.0'])('%s, which can, runs', async (version) => {
    const printed = await startedBy(version);
    expect(printed).not.toContain('The program needs Node');
    // Outside of Pulumi, it gets as far as its first question.
    expect(printed).toContain('pulumi');
  });
});

test('a stack’s name that does not fit is refused without a stack trace', () => {
  let refused: unknown;
  try {
    naming('sluice', 'Not a name');
  } catch (error) {
    refused = error;
  }
  expect(pulumi.RunError.isInstance(refused)).toBe(true);
});
