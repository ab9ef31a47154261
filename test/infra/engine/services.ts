import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { EngineService } from '@pulumi/pulumi/proto/engine_grpc_pb.js';
import engine from '@pulumi/pulumi/proto/engine_pb.js';
import { ResourceMonitorService } from '@pulumi/pulumi/proto/resource_grpc_pb.js';
import monitor from '@pulumi/pulumi/proto/resource_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import struct from 'google-protobuf/google/protobuf/struct_pb.js';
import type { Resource } from '../../../local-aws/program/program.ts';

type Properties = Record<string, unknown>;

/** What a program asks for when it registers a resource. */
export interface Goal extends Omit<Resource, 'outputs'> {
  readonly parent: string;
  /** The provider's URN and id, joined by `::`. */
  readonly provider: string;
  /** By input, the URNs of the resources that its value comes from. */
  readonly propertyDependencies: Readonly<Record<string, readonly string[]>>;
}

/** The answer to a registration. `undefined` means that it failed, or waits for one that failed. */
export type Answer = { readonly id: string; readonly outputs: Properties } | undefined;

export interface Work {
  /** Of the directory that the program's relative paths start from. */
  readonly directory: string;
  readonly stack: string;
  readonly project: string;
  register(goal: Goal): Answer;
  call(token: string, inputs: Properties): Properties;
  /** A line that the program or Pulumi's runner wrote for the user. */
  log(severity: 'debug' | 'info' | 'warning' | 'error', message: string): void;
}

/** Pulumi's marks of values that are no JSON (pulumi/sdk/nodejs/runtime/rpc.ts). */
const signature = '4dabf18193072939515e22adb298388d';
const secret = '1b47061264138c4ac30d75fd1eb44270';

/** Serves Pulumi's engine and resource monitor to one program. */
export async function serve(work: Work): Promise<{ readonly address: string; close(): void }> {
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  let root = '';
  server.addService(EngineService, {
    log: answer(({ request }: { request: engine.LogRequest }) => {
      const names = ['debug', 'info', 'warning', 'error'] as const;
      work.log(names[request.getSeverity()] ?? 'error', request.getMessage());
      return new empty.Empty();
    }),
    getRootResource: answer(() => new engine.GetRootResourceResponse().setUrn(root)),
    setRootResource: answer(({ request }: { request: engine.SetRootResourceRequest }) => {
      root = request.getUrn();
      return new engine.SetRootResourceResponse();
    }),
  });
  server.addService(ResourceMonitorService, {
    getDeploymentInfo: answer(() => {
      const { ResourceMonitorFeature: feature } = monitor;
      return new monitor.DeploymentInfo().setSupportedfeaturesList([
        feature.RESOURCE_MONITOR_FEATURE_SECRETS,
        feature.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
        feature.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
        feature.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
      ]);
    }),
    invoke: answer(({ request }: { request: monitor.ResourceInvokeRequest }) =>
      new monitor.ResourceInvokeResponse().setReturn(
        structOf(work.call(request.getTok(), plain(request.getArgs()?.toJavaScript() ?? {}, work.directory))),
      ),
    ),
    registerResource: answer(({ request }: { request: monitor.RegisterResourceRequest }) => {
      const goal = goalOf(request, work);
      const done = work.register(goal);
      const response = new monitor.RegisterResourceResponse().setUrn(goal.urn);
      // In place of an archive, which the engine knows by its content, the program gets what it gave.
      const given = request.getObject()?.toJavaScript() ?? {};
      if (done === undefined) return response.setResult(monitor.Result.FAIL).setObject(structOf(given));
      return response.setId(done.id).setObject(structOf({ ...done.outputs, ...assetsOf(given) }));
    }),
    registerResourceOutputs: answer(() => new empty.Empty()),
    signalAndWaitForShutdown: answer(() => new empty.Empty()),
  });
  const port = await new Promise<number>((bound, failed) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, on) =>
      error ? failed(error) : bound(on),
    );
  });
  return { address: `127.0.0.1:${port}`, close: () => server.forceShutdown() };
}

/** A call's handler. What it throws is the program's error. */
const answer =
  <Request, Response>(handle: (call: { readonly request: Request }) => Response) =>
  (...[call, reply]: Parameters<handleUnaryCall<Request, Response>>): void => {
    try {
      reply(null, handle(call));
    } catch (error) {
      reply(error instanceof Error ? error : new Error(String(error)));
    }
  };

const structOf = (value: Properties) => struct.Struct.fromJavaScript(JSON.parse(JSON.stringify(value)));

function goalOf(request: monitor.RegisterResourceRequest, { stack, project, directory }: Work): Goal {
  const propertyDependencies: Record<string, readonly string[]> = {};
  // Not `toArray`, which has the values as they are on the wire.
  request.getPropertydependenciesMap().forEach((urns, property) => {
    propertyDependencies[property] = urns.getUrnsList();
  });
  const parent = request.getParent();
  const [, , parents = ''] = parent.split('::');
  const within = parents === '' || parents === 'pulumi:pulumi:Stack' ? '' : `${parents}$`;
  return {
    urn: `urn:pulumi:${stack}::${project}::${within}${request.getType()}::${request.getName()}`,
    type: request.getType(),
    component: !request.getCustom(),
    name: request.getName(),
    parent,
    provider: request.getProvider(),
    inputs: plain(request.getObject()?.toJavaScript() ?? {}, directory),
    dependencies: request.getDependenciesList().sort(),
    propertyDependencies,
    options: {
      protect: request.getProtect() ?? false,
      retainOnDelete: request.getRetainondelete() ?? false,
      deleteBeforeReplace: request.getDeletebeforereplace(),
      ignoreChanges: request.getIgnorechangesList(),
    },
  };
}

/** Values as JSON: secrets in plain text, and a file as the hash of its content, as the engine compares. */
function plain(given: Properties, directory: string): Properties {
  const value = (each: unknown): unknown => {
    if (Array.isArray(each)) return each.map(value);
    if (typeof each !== 'object' || each === null) return each;
    if (signature in each && each[signature] === secret && 'value' in each) return value(each.value);
    if (signature in each && 'path' in each && typeof each.path === 'string')
      return createHash('sha256')
        .update(readFileSync(resolve(directory, each.path)))
        .digest('hex');
    return plain(each as Properties, directory);
  };
  return Object.fromEntries(Object.entries(given).map(([key, each]) => [key, value(each)]));
}

const assetsOf = (given: Properties) =>
  Object.fromEntries(
    Object.entries(given).filter(
      ([, each]) =>
        typeof each === 'object' && each !== null && signature in each && each[signature] !== secret,
    ),
  );
