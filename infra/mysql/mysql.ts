import * as pulumi from '@pulumi/pulumi';
import type { mysqlVariables } from '../../domain/environment.ts';
import type { Bucket } from '../base/bucket.ts';
import type { FunctionEnvironment, LambdaFunction } from '../base/function.ts';
import type { Key } from '../base/key.ts';
import type { StackAlarms } from '../base/stack-alarms.ts';
import type { Bundle } from '../build/bundle.ts';
import type { DatabaseConfiguration } from '../configuration/database.ts';
import type { StageArgs } from '../stage.ts';
import { Database } from './database.ts';
import { loadingUser, port, schemaName } from './endpoint.ts';
import { Migration } from './migration.ts';
import { Network } from './network.ts';

export interface MySqlArgs {
  readonly configuration: DatabaseConfiguration;
  /** The buckets that the loading function uses. */
  readonly buckets: readonly Bucket[];
  readonly key: Key;
  /** The migration function's code. */
  readonly bundle: pulumi.Output<Bundle>;
  readonly environment: FunctionEnvironment;
  /** Days. */
  readonly logRetention: number;
  readonly alarms: StackAlarms;
}

/**
 * The tables that loading writes: a database in its own network, and the migration that keeps its tables up
 * to date.
 */
export class MySql extends pulumi.ComponentResource {
  /** Arguments that make the loading stage write to the database. */
  readonly loading: Required<Pick<StageArgs, 'environment' | 'permissions' | 'placement' | 'after'>>;
  readonly database: Database;
  readonly migration: LambdaFunction;
  /** In the form of `infra/outputs.ts`. */
  readonly outputs: Readonly<Record<'host' | 'database' | 'migration', pulumi.Output<string> | string>>;

  constructor(name: string, args: MySqlArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:MySql', name, {}, options);
    const { configuration, key, logRetention } = args;
    const network = new Network(
      `${name}-network`,
      { cidr: configuration.network, buckets: args.buckets, flowLogs: configuration.flowLogs, logRetention },
      { parent: this },
    );
    const database = new Database(
      `${name}-database`,
      {
        configuration,
        network,
        key,
        logRetention,
        alarms: args.alarms,
      },
      { parent: this },
    );
    const migration = new Migration(
      `${name}-migration`,
      { bundle: args.bundle, database, network, key, environment: args.environment, logRetention },
      { parent: this },
    );

    const securityGroup = network.securityGroup('loading', 'The loading function.');
    const toS3 = securityGroup.connectsToService('s3', network.s3PrefixListId);
    const toDatabase = securityGroup.connectsTo(database.endpoint.securityGroup, port);
    this.loading = {
      environment: {
        MYSQL_HOST: database.endpoint.host,
        MYSQL_PORT: String(port),
        MYSQL_DATABASE: schemaName,
        MYSQL_USER: loadingUser,
      } satisfies Readonly<Record<(typeof mysqlVariables)[number], unknown>>,
      permissions: [database.mayConnect(database.endpoint)],
      placement: { network, securityGroup },
      after: [migration.done, ...database.endpoint.ready, ...toDatabase, toS3],
    };
    this.database = database;
    this.migration = migration.lambda;
    this.outputs = {
      host: database.instance.host,
      database: schemaName,
      migration: migration.lambda.name,
    };
    this.registerOutputs(this.outputs);
  }
}
