import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { configured, root } from '../stacks.ts';

const text = readFileSync(join(root, 'docs/examples/deploy.yml'), 'utf8');
const step = z.union([
  z.strictObject({ uses: z.string(), with: z.record(z.string(), z.unknown()).optional() }),
  z.strictObject({ run: z.string(), env: z.record(z.string(), z.string()).optional() }),
]);
const job = z.strictObject({
  'runs-on': z.string(),
  'timeout-minutes': z.int(),
  needs: z.string().optional(),
  if: z.string().optional(),
  strategy: z.looseObject({ matrix: z.strictObject({ stack: z.array(z.string()) }) }).optional(),
  concurrency: z.strictObject({ group: z.string(), 'cancel-in-progress': z.literal(false) }).optional(),
  environment: z.string().optional(),
  permissions: z.record(z.string(), z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  steps: z.array(step),
});
const { on, permissions, jobs } = z
  .strictObject({
    name: z.string(),
    on: z.strictObject({ pull_request: z.null(), push: z.strictObject({ branches: z.array(z.string()) }) }),
    permissions: z.record(z.string(), z.string()),
    jobs: z.strictObject({ check: job, preview: job, up: job }),
  })
  .parse(parse(text));
const ofMatrix = /^\$\{\{ matrix\.stack \}\}$/;
const commands = ({ steps }: z.output<typeof job>) =>
  steps.flatMap((each) => ('run' in each ? [each.run] : []));

describe('the workflow of GitHub', () => {
  test('checks and previews pull requests, and deploys main', () => {
    expect(on.push.branches).toEqual(['main']);
    expect(jobs.preview.if).toContain("github.event_name == 'pull_request'");
    expect(jobs.up.if).toBe("github.event_name == 'push'");
    expect([jobs.preview.needs, jobs.up.needs]).toEqual(['check', 'check']);
    expect(commands(jobs.check)).toEqual(['npm run setup', 'npm run check', 'npm test']);
    expect(commands(jobs.preview).at(-1)).toMatch(/^npx pulumi preview --stack "\$STACK" /);
    expect(commands(jobs.up).join()).toContain('npx pulumi up --stack "$STACK" ');
  });

  test('covers each stack that has a file, each in an environment of its own', () => {
    const stacks = configured().map(({ stack }) => stack);
    for (const { strategy, env } of [jobs.preview, jobs.up]) {
      expect(strategy?.matrix.stack).toEqual(stacks);
      expect(env?.['STACK']).toMatch(ofMatrix);
    }
    expect(jobs.up.environment).toMatch(ofMatrix);
    expect(jobs.preview.environment).toMatch(/^\$\{\{ matrix\.stack \}\}-preview$/);
  });

  test('runs only scripts that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const named = Object.values(jobs)
      .flatMap(commands)
      .flatMap((command) => /^npm (?:run )?([\w:]+)$/.exec(command)?.[1] ?? []);
    expect(named.length).toBeGreaterThan(4);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  test('uses actions at a commit, with the version beside it', () => {
    const used = text.match(/uses: .*/g) ?? [];
    expect(used.length).toBeGreaterThan(6);
    for (const line of used) expect(line).toMatch(/^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('gives jobs no permission but to read, and to ask AWS for credentials where they need them', () => {
    expect(permissions).toEqual({ contents: 'read' });
    expect(jobs.check.permissions).toBeUndefined();
    for (const { permissions } of [jobs.preview, jobs.up])
      expect(permissions).toEqual({ contents: 'read', 'id-token': 'write' });
  });

  test('puts no value of a pull request into a command', () => {
    expect(
      Object.values(jobs)
        .flatMap(commands)
        .filter((command) => command.includes('${{')),
    ).toEqual([]);
  });
});
