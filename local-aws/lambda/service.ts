import { availableParallelism } from 'node:os';
import type { Caller } from '../core/call.ts';
import type { ServedService, ServiceContext } from '../core/cloud-service.ts';
import { noMetrics } from '../core/metrics.ts';
import { Reaper } from '../core/reaper.ts';
import type { Sqs } from '../sqs/sqs.ts';
import { invokeAs, lambdaService } from './api.ts';
import { type FunctionPorts, type FunctionSettings, LambdaFunction } from './function.ts';
import { EventSourceMapping, type MappingSettings } from './mapping.ts';
import { mappingMetrics } from './mapping-metrics.ts';
import { checkRoles } from './roles.ts';

export interface LambdaOptions
  extends Pick<ServiceContext, 'clock' | 'authorize' | 'metrics'>,
    Pick<FunctionPorts, 'credentials' | 'logs' | 'endpoint' | 'variables'> {
  readonly functions: readonly FunctionSettings[];
  readonly mappings: readonly MappingSettings[];
  readonly sqs: Pick<Sqs, 'queue' | 'releaseInFlight'>;
  /** Gets a line for each batch that failed as a whole and each failed call to a queue. */
  readonly log: (line: string) => void;
}

export interface Lambda extends ServedService {
  /** The name of the function with this role. */
  functionOf(role: string): string | undefined;
  /** Invokes a function asynchronously. @throws {ServiceError} if the caller may not, or there is none */
  invoke(payload: string, caller: Caller, arn: string): Promise<void>;
  /** Kills the function process with this session. */
  kill(session: string): void;
}

/** Per function: more processes than cores would only start more slowly. */
const maxProcesses = Math.max(2, availableParallelism());

/**
 * Creates the functions, their event source mappings, and the API of both.
 *
 * @throws {Error} if a mapping names a missing function or queue
 */
export function createLambda(options: LambdaOptions): Lambda {
  const { clock, authorize, sqs } = options;
  const reaper = new Reaper();
  const ports = { ...options, reaper, maxProcesses };
  const functions = new Map(options.functions.map((each) => [each.name, new LambdaFunction(each, ports)]));
  const pollers = options.mappings.map((settings) => pollerOf(settings, functions, options));
  const mappings = new Map(pollers.map(({ mapping }) => [mapping.settings.uuid, mapping]));
  const service = { functions, mappings, authorize, clock };
  return {
    name: 'lambda',
    handle: lambdaService(service),
    invoke: (payload, caller, arn) => invokeAs(service, caller, arn, payload),
    functionOf: (role) => options.functions.find(({ roleArn }) => roleArn === role)?.name,
    kill(session) {
      for (const each of functions.values()) if (each.kill(session)) return;
    },
    async start() {
      await checkRoles(authorize, options.functions, options.mappings);
      // If the previous process was killed, its functions died with it, and their messages would wait for the
      // visibility timeout. They reappear after the function's own timeout instead, when every lease of such
      // a function has expired too.
      for (const { queue, timeoutSeconds } of pollers) await sqs.releaseInFlight(queue, timeoutSeconds);
      for (const { mapping } of pollers) if (mapping.settings.enabled) mapping.enable();
    },
    async close(graceMs = 0) {
      await Promise.all([
        ...pollers.map(({ mapping }) => mapping.disable(graceMs)),
        // Those that no mapping began.
        ...[...functions.values()].map((each) => each.settle(graceMs)),
      ]);
      await Promise.all([...functions.values()].map((each) => each.close()));
      reaper.close();
    },
  };
}

function pollerOf(
  settings: MappingSettings,
  functions: ReadonlyMap<string, LambdaFunction>,
  { clock, sqs, log, metrics = noMetrics }: LambdaOptions,
) {
  const { uuid, functionArn, queueArn } = settings;
  const target = [...functions.values()].find((each) => each.settings.arn === functionArn);
  if (target === undefined)
    throw new Error(`The mapping ${uuid} invokes ${functionArn}, which does not exist.`);
  const { roleArn, timeoutSeconds } = target.settings;
  const queue = sqs.queue(queueArn.split(':').at(-1) ?? '', { kind: 'role', principal: roleArn });
  if (queue.arn !== queueArn)
    throw new Error(
      `The mapping ${uuid} reads ${queueArn}, which does not exist; the queue of that name is ${queue.arn}.`,
    );
  const mapping = new EventSourceMapping(settings, {
    queue,
    invoke: (payload) => target.invoke(payload).result,
    clock,
    metrics: settings.countsEvents === true ? mappingMetrics(uuid, metrics) : undefined,
    onError: log,
  });
  return { mapping, queue: queue.settings.name, timeoutSeconds };
}
