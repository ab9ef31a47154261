import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import {
  commonVariables,
  type FunctionName,
  functionVariables,
  mysqlVariables,
} from '../../../domain/environment.ts';
import { everything, program } from '../the-program.ts';
import type { ColdStart } from './cold-start.ts';

const secrets = createServer((_, response) => {
  response.setHeader('content-type', 'application/x-amz-json-1.1');
  response.end(JSON.stringify({ SecretString: '{"username":"sluice_admin","password":"p"}' }));
});
beforeAll(() => new Promise<void>((resolve) => void secrets.listen(0, '127.0.0.1', resolve)));
afterAll(() => secrets.close());

const isFunctionName = (name: string): name is FunctionName => Object.hasOwn(functionVariables, name);
const functionResource = z.object({
  environment: z.object({
    variables: z.intersection(
      z.record(z.string(), z.string()),
      z.object({ POWERTOOLS_SERVICE_NAME: z.string().refine(isFunctionName) }),
    ),
  }),
});

/** The variables that the program gives to each of its functions. */
const toldIn = ({ resources }: typeof program) =>
  resources
    .filter(({ type }) => type === 'aws:lambda/function:Function')
    .map(({ inputs }) => functionResource.parse(inputs).environment.variables)
    .map((variables) => [variables.POWERTOOLS_SERVICE_NAME, variables] as const);

const known = new Set<string>([
  ...commonVariables,
  ...mysqlVariables,
  ...Object.values(functionVariables).flat(),
]);

/** Those that a function may ask for, and a stack with MySQL gives to it. */
const namesOf = (name: FunctionName, ofMysql: readonly string[] = mysqlVariables): readonly string[] => [
  ...commonVariables,
  ...functionVariables[name],
  ...(name === 'loading' ? ofMysql : []),
];

/** Starts a function cold with these variables alone, and tells which of ours it asked for. */
async function readBy(name: FunctionName, told: Readonly<Record<string, string>>): Promise<string[]> {
  const { port } = secrets.address() as AddressInfo;
  const lambda = {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_XRAY_MANUAL_MODE: 'true',
  };
  const workerData: ColdStart = { name, variables: { ...lambda, ...told }, known: [...known] };
  const thread = new Worker(new URL('cold-start.ts', import.meta.url), { workerData });
  try {
    const [asked] = await once(thread, 'message');
    return asked as string[];
  } finally {
    await thread.terminate();
  }
}

describe.each([
  ['for development', program, []],
  ['with everything', everything, mysqlVariables],
])('in a stack %s', (_which, stack, ofMysql: readonly string[]) => {
  const functions = toldIn(stack);

  test.each(functions)('the program sets the variables that %s needs, and no others', (name, told) => {
    expect(Object.keys(told).sort()).toEqual([...namesOf(name, ofMysql)].sort());
  });

  test.each(functions)('%s starts with its variables, and reads no others', async (name, told) => {
    const asked = await readBy(name, told);
    expect(asked.filter((each) => !namesOf(name).includes(each))).toEqual([]);
    expect(asked).toEqual(expect.arrayContaining([...functionVariables[name]]));
  });
});

test('a function with a missing variable does not start, and the error names it', async () => {
  const told: Record<string, string> = Object.fromEntries(toldIn(everything))['backfill-sending'] ?? {};
  const { EXTRACTION_QUEUE: _, ...others } = told;
  await expect(readBy('backfill-sending', others)).rejects.toThrow(
    'The environment variables EXTRACTION_QUEUE are missing.',
  );
});
