/**
 * The script check:cloudformation: holds what the program registers against descriptions that AWS makes, the
 * schemas of CloudFormation's resources and the models of its services. They are in Python packages, which
 * it installs below node_modules/.cache/. Where that can't be done it says so, and passes.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bare, configured, forProduction, longNamed, read, root, withEverything } from '../stacks.ts';
import { breaking } from './breaking.ts';
import { conversions } from './conversions.ts';
import { convert } from './template.ts';

interface Stack extends ReturnType<typeof convert> {
  readonly title: string;
  readonly region: string;
  /** Whether it has a fault on purpose. */
  readonly planted: boolean;
}

interface Answer {
  readonly findings: readonly { readonly stack: string; readonly text: string }[];
  /** By operation: how many values were held against its model, and how many it does not know. */
  readonly operations: Readonly<Record<string, readonly [checked: number, unknown: number]>>;
  /** Patterns that Python can't read. */
  readonly unreadable: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
}

const here = import.meta.dirname;
const requirements = join(here, 'requirements.txt');
const environment = join(root, 'node_modules/.cache/cloudformation');
const python = join(environment, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');

const stacks = [
  ...configured().map((options) => [`Pulumi.${options.stack}.yaml`, options] as const),
  ['Pulumi.prod.yaml.example', forProduction] as const,
  ['a stack with everything', withEverything] as const,
  ['a stack with nothing that can be left out', bare] as const,
  ['a stack with a name of 24 letters', longNamed] as const,
];

const missing = installed();
if (missing === undefined) await check();
else console.log(`skipped: nothing was held against CloudFormation's schemas, because ${missing}`);

/** Makes sure that the Python packages are there. Returns the reason if they are not. */
function installed(): string | undefined {
  const wanted = readFileSync(requirements, 'utf8');
  const stamp = join(environment, 'requirements.txt');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return undefined;
  rmSync(environment, { recursive: true, force: true });
  for (const [command, ...args] of [
    ['python3', '-m', 'venv', environment],
    [
      python,
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--retries=1',
      '--timeout=10',
      '-r',
      requirements,
    ],
  ] as const) {
    const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
    if (status === 0) continue;
    const cause = error?.message ?? stderr.trim().split('\n').at(-1);
    return `\`${[command, ...args.slice(0, 3)].join(' ')}\` failed: ${cause}`;
  }
  writeFileSync(stamp, wanted);
  return undefined;
}

async function check(): Promise<void> {
  const counts = new Map<string, number>();
  const sound: Stack[] = [];
  for (const [title, options] of stacks) {
    const { region, resources } = await read(options);
    sound.push({ title, region, planted: false, ...convert(resources) });
    for (const { type, component } of resources)
      if (!component) counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  const { region, resources } = await read(withEverything);
  const broken = breaking(resources);
  const { findings, operations, unreadable, versions } = ask([
    ...sound,
    ...broken.map((each) => ({ title: each.title, region, planted: true, ...convert(each.resources) })),
  ]);
  for (const { stack, text } of findings.filter((each) => sound.some(({ title }) => title === each.stack)))
    fail(`${stack}: ${text}`);
  for (const { title, finding } of broken)
    if (!findings.some(({ stack, text }) => stack === title && finding.test(text)))
      fail(`This check is blind: it does not find ${title}.`);
  console.log(tableOf(counts, operations));
  for (const pattern of unreadable) console.log(`Not checked, since Python can't read it: ${pattern}`);
  const tools = Object.entries(versions).map((each) => each.join(' '));
  console.log(`${sound.length} stacks were held against ${tools.join(' and ')}.`);
}

function fail(message: string): void {
  console.error(message);
  process.exitCode = 1;
}

function ask(all: readonly Stack[]): Answer {
  const { status, stdout, stderr } = spawnSync(python, [join(here, 'oracle.py')], {
    encoding: 'utf8',
    input: JSON.stringify(all),
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`test/infra/cloudformation/oracle.py failed: ${stderr}`);
  return JSON.parse(stdout) as Answer;
}

/** A line for each type: how many resources, the schema, and the operations with the values checked. */
function tableOf(counts: ReadonlyMap<string, number>, operations: Answer['operations']): string {
  const rows = [...counts].sort().map(([type, count]) => {
    const conversion = conversions[type];
    if (conversion === undefined || 'nothing' in conversion)
      return [type, String(count), `not checked: ${conversion?.nothing}`, ''];
    const schema =
      'call' in conversion ? 'none' : 'of' in conversion ? `part of ${conversion.of[0]}` : conversion.type;
    const called =
      'call' in conversion
        ? [conversion.call]
        : 'of' in conversion
          ? []
          : (conversion.api ?? []).map(({ operation }) => operation);
    const values = called.map((each) => {
      const [checked, unknown] = operations[each] ?? [0, 0];
      return `${each} (${checked}${unknown > 0 ? `; ${unknown} by the schema alone` : ''})`;
    });
    return [type, String(count), schema, values.join(', ')];
  });
  const table = [['type', 'resources', 'schema', 'operation (values checked)'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
