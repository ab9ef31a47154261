import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Authorize } from './core/call.ts';
import { systemClock } from './core/clock.ts';
import { type CloudService, type ServiceContext, stateless } from './core/cloud-service.ts';
import type { Disk } from './core/disk.ts';
import { journalsIn } from './core/journal.ts';
import { queueDelivery } from './events/delivery.ts';
import { createEvents } from './events/events.ts';
import { controlService } from './faults/control.ts';
import type { Faults } from './faults/faults.ts';
import type { CompareFile } from './glue/crawler.ts';
import { createGlue } from './glue/service.ts';
import { startCrawler } from './glue/start-crawler.ts';
import type { RunningServer, Services } from './http/server.ts';
import { account as accountId, type Credentials } from './iam/credentials.ts';
import type { PolicyEngine } from './iam/policy-engine.ts';
import { stsService } from './iam/sts.ts';
import { kmsService } from './kms/api.ts';
import type { FunctionPorts } from './lambda/function.ts';
import { createLambda } from './lambda/service.ts';
import { createLogs } from './logs/service.ts';
import { takeEmbeddedMetrics } from './metrics/embedded.ts';
import { createMetrics } from './metrics/service.ts';
import { MetricStore } from './metrics/store.ts';
import type { Topology } from './program/topology.ts';
import { createS3 } from './s3/api/api.ts';
import { tellOf } from './s3/storage/notifications.ts';
import { createScheduler } from './scheduler/service.ts';
import { createSqs } from './sqs/sqs.ts';
import { createStepFunctions } from './stepfunctions/service.ts';

/** The parts that a cloud builds its services from. */
export interface Parts {
  /** The cloud's own name, for parts that AWS does not have. */
  readonly name: string;
  readonly region: string;
  readonly topology: Topology;
  /** The directory where state is kept. */
  readonly state: string;
  readonly disk: Disk;
  readonly server: RunningServer;
  /** Lets the requests that wait for the services proceed. */
  readonly open: (services: Services) => void;
  readonly credentials: Credentials;
  readonly engine: PolicyEngine;
  readonly faults: Faults;
  readonly compareFile?: CompareFile | undefined;
  readonly variables?: FunctionPorts['variables'] | undefined;
  readonly onTrouble?: ((line: string) => void) | undefined;
}

/** Builds the services, in the order in which they start: each uses only those before it. */
export function buildServices(parts: Parts): CloudService[] {
  const { name, region, topology, state, disk, server, credentials, engine, faults, variables } = parts;
  const { onTrouble = () => {} } = parts;
  const { buckets, queues, rules, functions, mappings, stateMachines, schedules, alarms, dashboards } =
    topology;
  const clock = systemClock;
  const authorize: Authorize = async (call) => {
    await engine.authorize(call);
    faults.check(call);
    disk.check(call);
  };
  // One line says that the disk is full; the failures that follow from it are not reported.
  const log = (line: string) => {
    if (!disk.isFull) onTrouble(line);
  };
  const openJournal = journalsIn(state, { disk });
  const metrics = new MetricStore(clock);
  const ids = randomUUID;
  const context: ServiceContext = { clock, region, accountId, ids, authorize, openJournal, metrics };

  const logs = createLogs({
    directory: join(state, 'logs'),
    disk,
    functions,
    groups: topology.logGroups,
    authorize,
    onEvent: (message) => takeEmbeddedMetrics(message, metrics),
  });
  const sqs = createSqs({
    ...context,
    queues,
    sendFault: (queue) => faults.send({ of: 'messages', resources: [queue] }),
  });
  const events = createEvents({
    ...context,
    ...queueDelivery(sqs),
    rules,
    log,
    deliverFault: ({ resources }, { arn }) => faults.send({ of: 'events', resources: [...resources, arn] }),
  });
  const directory = join(state, 's3');
  const told = tellOf(buckets, sqs, events);
  const s3 = createS3({ clock, region, accountId, authorize, buckets, directory, disk, ...told });
  const glue = createGlue({
    ...context,
    settings: topology.catalog,
    store: s3.store,
    sqs,
    publish: (event) => events.publish(event),
    compare: parts.compareFile,
  });
  const lambda = createLambda({
    ...context,
    functions,
    mappings,
    sqs,
    logs: logs.files,
    credentials,
    endpoint: () => server.endpoint,
    variables,
    log,
  });
  faults.aimAt(lambda);
  const states = createStepFunctions({
    ...context,
    stateMachines,
    services: { lambda: lambda.handle, sqs: sqs.handle, glue: glue.handle },
    store: s3.store,
  });
  const calls = { 'glue:startCrawler': startCrawler(glue, authorize), 'lambda:invoke': lambda.invoke };
  const scheduler = createScheduler({ ...context, schedules, log, calls });

  const services: CloudService[] = [
    logs,
    sqs,
    events,
    s3,
    glue,
    createMetrics({ ...context, store: metrics, alarms, dashboards, log }),
    stateless('sts', stsService),
    stateless('kms', kmsService({ keys: topology.keys, authorize })),
    stateless(name.toLowerCase(), controlService({ name, engine, faults })),
    // Opens once services with state have restored it, and stays open until services with background work
    // have ended.
    {
      name: 'endpoint',
      start: async () => parts.open(apisOf(services)),
      close: () => server.close(),
    },
    lambda,
    states,
    scheduler,
  ];
  return services;
}

const apisOf = (services: readonly CloudService[]): Services =>
  Object.fromEntries(services.flatMap(({ name, handle }) => (handle ? [[name, handle]] : [])));
