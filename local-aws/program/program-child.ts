/** The process in which `readProgram` runs the Pulumi program. */
import './modules.ts';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as pulumi from '@pulumi/pulumi';
import type { RegisterResourceRequest } from '@pulumi/pulumi/proto/resource_pb.js';
import { MockMonitor } from '@pulumi/pulumi/runtime/mocks.js';
import { callResult, physicalResource } from './mocks.ts';
import type { Resource } from './program.ts';
import type { ProgramRequest } from './program-process.ts';

process.once('message', (request: ProgramRequest) => {
  run(request).then(finish, fail);
});
process.on('unhandledRejection', fail);
process.on('uncaughtException', fail);

async function run(request: ProgramRequest): Promise<{ resources: Resource[]; outputs: unknown }> {
  // Pulumi runs a program in the directory of its main file.
  process.chdir(dirname(request.main));
  const taken = new Set<string>();
  const registered = new Map<string, Omit<Resource, 'urn' | keyof Treatment>>();
  const register = async ({ type, name, inputs: given, custom }: pulumi.runtime.MockResourceArgs) => {
    if (taken.has(`${type}::${name}`))
      throw new Error(`Two resources are of type ${type} and named "${name}".`);
    taken.add(`${type}::${name}`);
    const inputs = await plainObject(given);
    const component = custom === false;
    const { id, outputs } = component
      ? { id: '', outputs: {} }
      : physicalResource(type, name, inputs, request);
    registered.set(`${type}::${name}`, {
      type,
      component,
      name,
      inputs,
      outputs: { ...inputs, ...outputs, id },
    });
    return { id, state: { ...inputs, ...outputs } };
  };
  const answer = async (token: string, inputs: Record<string, unknown>) => callResult(token, inputs, request);
  // Pulumi drops the messages of errors that the mocks throw.
  await pulumi.runtime.setMocks(
    {
      call: ({ token, inputs }) => answer(token, inputs).catch(failAndThrow),
      newResource: (resource) => register(resource).catch(failAndThrow),
    },
    request.project,
    request.stack,
  );
  pulumi.runtime.setAllConfig({ ...request.configuration });
  const monitor = pulumi.runtime.getMonitor();
  if (!(monitor instanceof MockMonitor)) throw new Error('Pulumi runs without the mocks.');
  const treatments = recordTreatments(monitor);

  const program: Record<string, unknown> = await import(pathToFileURL(request.main).href);
  const exported = 'default' in program ? program['default'] : { ...program };
  const outputs = await new Promise<unknown>((resolve) => {
    pulumi.all([exported]).apply(([value]) => resolve(value));
  });
  for (const [name, value] of Object.entries(outputs ?? {}))
    if (value === undefined)
      throw new Error(`The output ${name} is undefined. Pulumi would warn of it each time, so leave it out.`);
  await pulumi.runtime.disconnect();

  const urns = [...monitor.getRegisteredResources().keys()].sort();
  const resources = urns.flatMap((urn) => {
    const [, , type = '', name = ''] = urn.split('::');
    const own = `${type.split('$').at(-1)}::${name}`;
    const [resource, treatment] = [registered.get(own), treatments.get(own)];
    return resource === undefined || treatment === undefined ? [] : [{ urn, ...resource, ...treatment }];
  });
  return { resources, outputs: await plain(outputs) };
}

type Treatment = Pick<Resource, 'dependencies' | 'options'>;

/** Pulumi's mocks hide the dependencies and options of a resource, so this reads them from the requests. */
function recordTreatments(monitor: MockMonitor): ReadonlyMap<string, Treatment> {
  const treatments = new Map<string, Treatment>();
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request: RegisterResourceRequest, callback) => {
    treatments.set(`${request.getType()}::${request.getName()}`, {
      dependencies: request.getDependenciesList().sort(),
      options: {
        protect: request.getProtect() ?? false,
        retainOnDelete: request.getRetainondelete() ?? false,
        deleteBeforeReplace: request.getDeletebeforereplace(),
        ignoreChanges: request.getIgnorechangesList(),
      },
    });
    return register(request, callback);
  };
  return treatments;
}

/** Values as JSON: secrets in plain text, assets and archives as their path or text. */
async function plain(given: unknown): Promise<unknown> {
  const value = await given;
  if (pulumi.runtime.isRpcSecret(value)) return plain(pulumi.runtime.unwrapRpcSecret(value));
  if (value instanceof pulumi.asset.AssetArchive) return plainObject({ assets: value.assets });
  if (value instanceof pulumi.asset.FileArchive || value instanceof pulumi.asset.FileAsset) {
    return plainObject({ path: value.path });
  }
  if (value instanceof pulumi.asset.StringAsset) return plainObject({ text: value.text });
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  return typeof value === 'object' && value !== null ? plainObject(value) : value;
}

async function plainObject(value: object): Promise<Record<string, unknown>> {
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(await Promise.all(entries.map(async ([key, each]) => [key, await plain(each)])));
}

let finished = false;

function finish(answer: object): void {
  if (finished) return;
  finished = true;
  process.send?.(answer, () => process.exit(0));
}

/** The message and its place in the program; stack frames of libraries and of Node don't help the reader. */
function fail(reason: unknown): void {
  const error = reason instanceof Error ? reason : new Error(String(reason));
  const frame = error.stack
    ?.split('\n')
    .find((line) => /^\s+at /.test(line) && !/node_modules|node:|<anonymous>/.test(line));
  // Of a module that can't be parsed, the stack begins with its file and line.
  const [first = ''] = error.stack?.split('\n') ?? [];
  const place = error instanceof SyntaxError && /:\d+$/.test(first) ? `    at ${first}` : frame;
  finish({ failure: [error.message, place].filter(Boolean).join('\n') });
}

function failAndThrow(error: unknown): never {
  fail(error);
  throw error;
}
