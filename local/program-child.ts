/** The process in which `readProgram` runs the Pulumi program. */
import { pathToFileURL } from 'node:url';
import * as pulumi from '@pulumi/pulumi';
import { MockMonitor } from '@pulumi/pulumi/runtime/mocks.js';
import type { ProgramRequest, Resource } from './program.ts';
import { callResult, physicalResource } from './program-mocks.ts';

process.once('message', (request: ProgramRequest) => {
  run(request).then(finish, fail);
});
process.on('unhandledRejection', fail);
process.on('uncaughtException', fail);

async function run(request: ProgramRequest): Promise<{ resources: Resource[]; outputs: unknown }> {
  const registered = new Map<string, Omit<Resource, 'urn'>>();
  await pulumi.runtime.setMocks(
    {
      call: ({ token, inputs }) => callResult(token, inputs, request),
      newResource: ({ type, name, inputs: given, custom }) => {
        const inputs = plainObject(given);
        const { id, outputs } =
          custom === false ? { id: '', outputs: {} } : physicalResource(type, name, inputs, request);
        if (registered.has(`${type}::${name}`)) {
          throw new Error(`Two resources are of type ${type} and named "${name}".`);
        }
        registered.set(`${type}::${name}`, { type, name, inputs, outputs: { ...inputs, ...outputs, id } });
        return { id, state: { ...inputs, ...outputs } };
      },
    },
    request.project,
    request.stack,
  );
  pulumi.runtime.setAllConfig({ ...request.configuration });
  const monitor = pulumi.runtime.getMonitor();

  const program: Record<string, unknown> = await import(pathToFileURL(request.main).href);
  const exported = 'default' in program ? program['default'] : { ...program };
  const outputs = await new Promise<unknown>((resolve) => {
    pulumi.all([exported]).apply(([value]) => resolve(value));
  });
  await pulumi.runtime.disconnect();

  if (!(monitor instanceof MockMonitor)) throw new Error('Pulumi runs without the mocks.');
  const urns = [...monitor.getRegisteredResources().keys()].sort();
  const resources = urns.flatMap((urn) => {
    const [, , type = '', name = ''] = urn.split('::');
    const resource = registered.get(`${type.split('$').at(-1)}::${name}`);
    return resource === undefined ? [] : [{ urn, ...resource }];
  });
  return { resources, outputs: plain(outputs) };
}

/** Values as JSON: secrets uncovered, assets and archives as the paths or the text that they stand for. */
function plain(value: unknown): unknown {
  if (pulumi.runtime.isRpcSecret(value)) return plain(pulumi.runtime.unwrapRpcSecret(value));
  if (value instanceof pulumi.asset.AssetArchive) return { assets: plain(value.assets) };
  if (value instanceof pulumi.asset.FileArchive || value instanceof pulumi.asset.FileAsset) {
    return { path: value.path };
  }
  if (value instanceof pulumi.asset.StringAsset) return { text: value.text };
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === 'object' && value !== null ? plainObject(value) : value;
}

function plainObject(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => [key, plain(each)]),
  );
}

function finish(answer: object): void {
  process.send?.(answer, () => process.exit(0));
}

let failed = false;

/** The message, and where in the program it happened; frames of libraries and of Node tell a reader nothing. */
function fail(reason: unknown): void {
  if (failed) return;
  failed = true;
  const error = reason instanceof Error ? reason : new Error(String(reason));
  const frame = error.stack
    ?.split('\n')
    .find((line) => /^\s+at /.test(line) && !/node_modules|node:/.test(line));
  finish({ failure: [error.message, frame].filter(Boolean).join('\n') });
}
