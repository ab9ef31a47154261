import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Admit } from './core/call.ts';
import { systemClock } from './core/clock.ts';
import { Disk } from './core/disk.ts';
import { openJournal } from './core/journal.ts';
import { lockDirectory } from './core/lock.ts';
import { Reaper } from './core/reaper.ts';
import { queueDelivery } from './events/delivery.ts';
import { createEvents } from './events/events.ts';
import { controlService } from './faults/control.ts';
import { Faults } from './faults/faults.ts';
import type { CompareFile } from './glue/crawler.ts';
import { Glue } from './glue/glue.ts';
import { startCrawler } from './glue/start-crawler.ts';
import { defaultName, type RunningServer, startServer } from './http/server.ts';
import type { Service } from './http/service.ts';
import { type Authority, createAuthority } from './iam/authority.ts';
import { account as accountId, Credentials } from './iam/credentials.ts';
import { stsService } from './iam/sts.ts';
import { lambdaService } from './lambda/api.ts';
import { type FunctionPorts, LambdaFunction } from './lambda/function.ts';
import { EventSourceMapping } from './lambda/mapping.ts';
import { checkRoles } from './lambda/roles.ts';
import { logsService } from './logs/api.ts';
import { FunctionLogs } from './logs/logs.ts';
import { cloudWatchService } from './metrics/api.ts';
import { readProgram } from './program/program.ts';
import type { ProgramProcess } from './program/program-process.ts';
import { readTopology, type Topology } from './program/topology.ts';
import { validate } from './program/validation/validation.ts';
import { createS3 } from './s3/api/api.ts';
import { notifyQueues } from './s3/storage/notifications.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { createSqs, type Sqs } from './sqs/sqs.ts';
import { StepFunctions } from './stepfunctions/stepfunctions.ts';

export interface CloudOptions {
  /** Where `Pulumi.yaml` lies. */
  readonly project: string;
  /** Whose configuration applies. */
  readonly stack: string;
  /** Where state is kept. */
  readonly directory: string;
  /** Begins with nothing and keeps nothing: state lies in a temporary directory, which goes at the end. */
  readonly ephemeral?: boolean;
  /** 0 takes any free port. */
  readonly port: number;
  /** One that has loaded Pulumi meanwhile; a new one otherwise. */
  readonly programProcess?: ProgramProcess;
  /** What the cloud is called where AWS has no name for it: see `ServerOptions`. */
  readonly name?: string;
  /** Compares the files that crawlers find with their table; no file is compared when absent. */
  readonly compareFile?: CompareFile;
  /** Told of what goes wrong behind the scenes: failed batches, lost events. */
  readonly onTrouble?: (line: string) => void;
  /** What a function's variables become on this machine, when a process of it starts. As they are, when left out. */
  readonly variables?: FunctionPorts['variables'];
}

/** Thrown when the Pulumi program fails, or registers what AWS would refuse or the local cloud does not know. */
export class ProgramRefused extends Error {
  override readonly name = 'ProgramRefused';
}

/** The running local cloud. */
export interface Cloud {
  readonly endpoint: string;
  /** The stack's outputs. */
  readonly outputs: unknown;
  readonly topology: Topology;
  readonly authority: Authority;
  /** Lets running invocations end, at most `graceMs`, and stops everything. */
  close(graceMs?: number): Promise<void>;
}

const DEFAULT_GRACE_MS = 10_000;

/** Of one function: more than there are cores would only start more slowly. */
const maxProcesses = Math.max(2, availableParallelism());

/**
 * Builds the system that the Pulumi program describes and runs it on the loopback.
 *
 * @throws {DirectoryInUse}
 * @throws {ProgramRefused}
 * @throws {Error} EADDRINUSE when the port is taken
 */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const { directory, name = defaultName, ephemeral = false, onTrouble = () => {} } = options;
  const unlock = lockDirectory(directory);
  const state = ephemeral ? await mkdtemp(join(tmpdir(), `${name.toLowerCase()}-`)) : directory;
  const release = async () => {
    if (ephemeral) await rm(state, { recursive: true, force: true });
    unlock();
  };
  const services: Record<string, Service> = {};
  let server: RunningServer | undefined;
  try {
    const credentials = new Credentials();
    const opened = Promise.withResolvers<void>();
    // Whoever knows the port before everything is in place waits until it is.
    const gated = Object.fromEntries(
      [
        's3',
        'sqs',
        'events',
        'lambda',
        'logs',
        'monitoring',
        'glue',
        'states',
        'sts',
        name.toLowerCase(),
      ].map((service): [string, Service] => [
        service,
        async (request) => {
          await opened.promise;
          return (services[service] as Service)(request);
        },
      ]),
    );
    const functions = new Map<string, LambdaFunction>();
    const faults = new Faults({
      functionOf: (role) =>
        [...functions.values()].find(({ settings }) => settings.roleArn === role)?.settings.name,
      kill: (session) => [...functions.values()].some((each) => each.kill(session)),
    });
    server = await startServer({
      port: options.port,
      name,
      services: gated,
      credentials,
      interrupts: (request) => faults.interrupts(request),
    });
    const { endpoint, close: stopListening } = server;

    const { program, topology } = await readSystem(options, endpoint);
    const { region } = program;
    const authority = authorityOf(topology);
    const disk = new Disk({ onFull: onTrouble });
    const admit: Admit = async (call) => {
      await authority.admit(call);
      faults.admit(call);
      disk.admit(call);
    };
    // One line says that the disk is full; that this or that fails for it is no news.
    const onOtherTrouble = (line: string) => {
      if (!disk.isFull) onTrouble(line);
    };
    await checkRoles(admit, topology.functions, topology.mappings);
    const clock = systemClock;
    const journal = (name: string) => join(state, `${name}.journal`);

    const sqs = createSqs({
      queues: topology.queues,
      clock,
      admit,
      region,
      accountId,
      ids: randomUUID,
      openJournal: (replay, snapshot) => openJournal(journal('sqs'), replay, snapshot, { disk }),
      sendFault: (queue) => faults.send({ of: 'messages', resources: [queue] }),
    });
    const events = createEvents({
      rules: topology.rules,
      clock,
      admit,
      region,
      accountId,
      ids: randomUUID,
      ...queueDelivery(sqs),
      log: onOtherTrouble,
      deliverFault: ({ resources }, { arn }) => faults.send({ of: 'events', resources: [...resources, arn] }),
      openJournal: (replay, snapshot) => openJournal(journal('events'), replay, snapshot, { disk }),
    });
    const notifications = new Map(topology.buckets.map((each) => [each.name, each.notifications]));
    const s3 = createS3({
      buckets: topology.buckets,
      directory: join(state, 's3'),
      disk,
      clock,
      region,
      accountId,
      admit,
      wants: (event) => events.wants(event) || (notifications.get(event.detail.bucket.name) ?? []).length > 0,
      async publish(event) {
        await notifyQueues(event, notifications.get(event.detail.bucket.name) ?? [], sqs);
        await events.publish(event);
      },
    });

    const glue = new Glue({
      settings: topology.catalog,
      store: s3.store,
      sqs,
      publish: (event) => events.publish(event),
      compare: options.compareFile,
      clock,
      admit,
      region,
      accountId,
      ids: randomUUID,
      openJournal: (replay, snapshot) => openJournal(journal('glue'), replay, snapshot, { disk }),
    });
    const scheduler = new Scheduler({
      schedules: topology.schedules,
      clock,
      admit,
      calls: { 'glue:startCrawler': startCrawler(glue, admit) },
      log: onOtherTrouble,
    });

    const logs = new FunctionLogs(join(state, 'logs'), { disk });
    const reaper = new Reaper();
    const ports: FunctionPorts = {
      credentials,
      logs,
      reaper,
      admit,
      endpoint: () => endpoint,
      maxProcesses,
      ...(options.variables && { variables: options.variables }),
    };
    for (const each of topology.functions) functions.set(each.name, new LambdaFunction(each, ports));
    const mappings = mappingsOf(topology, functions, sqs, onOtherTrouble);

    const lambda = lambdaService({ functions, mappings, admit, clock });
    const states = new StepFunctions({
      stateMachines: topology.stateMachines,
      services: { lambda, sqs: sqs.service, glue: glue.service },
      store: s3.store,
      clock,
      admit,
      ids: randomUUID,
      openJournal: (replay, snapshot) => openJournal(journal('states'), replay, snapshot, { disk }),
    });

    Object.assign(services, {
      [name.toLowerCase()]: controlService({ name, authority, faults }),
      s3: s3.service,
      sqs: sqs.service,
      events: events.service,
      lambda,
      states: states.service,
      logs: logsService({ functions: topology.functions, logs, admit }),
      glue: glue.service,
      sts: stsService,
      monitoring: cloudWatchService({
        sqs,
        queueNames: new Set(topology.queues.map(({ name }) => name)),
        clock,
        admit,
      }),
    });
    await sqs.start();
    await giveBack(topology, sqs);
    await events.start();
    await s3.start();
    await glue.start();
    opened.resolve();
    await states.start();
    for (const mapping of mappings.values()) if (mapping.settings.enabled) mapping.enable();
    scheduler.start();

    return {
      endpoint,
      outputs: program.outputs,
      topology,
      authority,
      async close(graceMs = DEFAULT_GRACE_MS) {
        disk.close();
        await states.close();
        await Promise.all([...mappings.values()].map((mapping) => mapping.disable(graceMs)));
        await Promise.all([...functions.values()].map((each) => each.close()));
        await scheduler.close();
        await stopListening();
        await glue.close();
        await s3.close();
        await events.close();
        await sqs.close();
        await logs.close();
        reaper.close();
        await release();
      },
    };
  } catch (error) {
    await server?.close();
    await release();
    throw error;
  }
}

/** @throws {ProgramRefused} */
async function readSystem({ stack, project, programProcess }: CloudOptions, endpoint: string) {
  try {
    const program = await readProgram({ stack, directory: project, endpoint }, programProcess);
    refuseInvalid(program.resources);
    return { program, topology: readTopology(program) };
  } catch (error) {
    throw new ProgramRefused((error as Error).message, { cause: error });
  }
}

function refuseInvalid(resources: Parameters<typeof validate>[0]): void {
  const findings = validate(resources);
  if (findings.length === 0) return;
  const lines = findings.map(({ urn, property, rule }) => `  ${urn}\n    ${property}: ${rule}`);
  throw new Error(`AWS would refuse what the program registers:\n${lines.join('\n')}`);
}

function authorityOf({ buckets, queues, roles, keys }: Topology): Authority {
  const policies = [...buckets, ...queues, ...keys].flatMap(({ arn, policy }) =>
    policy === undefined ? [] : [[arn, policy] as const],
  );
  const trusts = roles.map(({ arn, trust }) => [arn, trust] as const);
  const encrypted = [...buckets, ...queues].flatMap((each) =>
    'keyArn' in each && each.keyArn !== undefined ? [[each.arn, each.keyArn] as const] : [],
  );
  return createAuthority({
    roles,
    resourcePolicies: new Map([...policies, ...trusts]),
    keys: new Map(encrypted),
  });
}

/**
 * The functions of a process that was killed died with it, and their messages would wait for their visibility time-out. They come
 * back when the function's own time-out is over, and with it every lease that such a function had taken.
 */
async function giveBack({ mappings, queues, functions }: Topology, sqs: Sqs): Promise<void> {
  for (const { queueArn, functionArn } of mappings) {
    const queue = queues.find(({ arn }) => arn === queueArn);
    const target = functions.find(({ arn }) => arn === functionArn);
    if (queue && target) await sqs.giveBack(queue.name, target.timeoutSeconds);
  }
}

function mappingsOf(
  topology: Topology,
  functions: ReadonlyMap<string, LambdaFunction>,
  sqs: Sqs,
  onTrouble: (line: string) => void,
): Map<string, EventSourceMapping> {
  return new Map(
    topology.mappings.map((settings) => {
      const target = [...functions.values()].find((each) => each.settings.arn === settings.functionArn);
      const queue = topology.queues.find(({ arn }) => arn === settings.queueArn);
      if (target === undefined || queue === undefined) {
        throw new Error(
          `The mapping ${settings.uuid} leads from ${settings.queueArn} to ${settings.functionArn}: one is not there.`,
        );
      }
      const mapping = new EventSourceMapping(settings, {
        queue: sqs.queue(queue.name, { kind: 'role', principal: target.settings.roleArn }),
        invoke: (payload) => target.invoke(payload).result,
        clock: systemClock,
        onError: onTrouble,
      });
      return [settings.uuid, mapping];
    }),
  );
}
