import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { type FunctionEnvironment, LambdaFunction, type OwnEnvironment } from '../base/function.ts';
import type { Key } from '../base/key.ts';
import type { Bundle } from '../build/bundle.ts';
import { allow, policyDocument, usesKey } from '../iam/documents.ts';
import type { Database } from './database.ts';
import { loadingUser, port, schemaName } from './endpoint.ts';
import { type Network, serviceName } from './network.ts';

export interface MigrationArgs {
  readonly bundle: pulumi.Output<Bundle>;
  readonly database: Database;
  readonly network: Network;
  readonly key: Key;
  readonly environment: FunctionEnvironment;
  /** Days. */
  readonly logRetention: number;
}

/**
 * Migrates the tables and creates the loading user, in each deployment that changes the code or the database.
 * Pulumi invokes a function in the network to do it. Only that function may read the administrator's secret,
 * through an endpoint that serves only that secret.
 */
export class Migration extends pulumi.ComponentResource {
  /** Once this exists, the tables match the code. */
  readonly done: aws.lambda.Invocation;
  readonly lambda: LambdaFunction;

  constructor(name: string, args: MigrationArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Migration', name, {}, options);
    const { database, network } = args;
    const securityGroup = network.securityGroup('migration', 'The migration function.');
    const atDatabase = securityGroup.connectsTo(database.instance.securityGroup, port);
    const secrets = network.securityGroup('secrets', 'The endpoint of Secrets Manager.');
    const atSecrets = securityGroup.connectsTo(secrets, 443);

    const environment: OwnEnvironment<'migration'> = {
      MYSQL_HOST: database.instance.host,
      MYSQL_PORT: String(port),
      MYSQL_DATABASE: schemaName,
      MYSQL_SECRET_ARN: database.secretArn,
      MYSQL_LOADING_USER: loadingUser,
    };
    const lambda = new LambdaFunction(
      name,
      {
        bundle: args.bundle,
        memory: 512,
        // Lambda's maximum: adding a column to a large table takes long.
        timeout: 900,
        logRetention: args.logRetention,
        environment: { ...args.environment, ...environment },
        permissions: [
          allow('ReadAdministrator', ['secretsmanager:GetSecretValue'], database.secretArn),
          usesKey(args.key.arn, ['Decrypt'], ['secretsmanager']),
        ],
        placement: { network, securityGroup },
      },
      { parent: this },
    );
    const endpoint = new aws.ec2.VpcEndpoint(
      `${name}-secrets`,
      {
        vpcId: network.vpcId,
        serviceName: serviceName('secretsmanager', this),
        vpcEndpointType: 'Interface',
        privateDnsEnabled: true,
        // One zone is enough: only a deployment waits for this endpoint.
        subnetIds: network.subnetIds.slice(0, 1),
        securityGroupIds: [secrets.id],
        policy: policyDocument([
          {
            Sid: 'MigrationReadsAdministrator',
            Effect: 'Allow',
            Principal: { AWS: lambda.roleArn },
            Action: ['secretsmanager:GetSecretValue'],
            Resource: database.secretArn,
          },
        ]),
        tags: { Name: `${name}-secrets` },
      },
      { parent: this },
    );
    this.done = new aws.lambda.Invocation(
      name,
      {
        functionName: lambda.name,
        qualifier: lambda.live.name,
        input: '{}',
        // The bundle contains the migrations.
        triggers: { code: args.bundle.version, database: database.instance.resourceId },
      },
      { parent: this, dependsOn: [endpoint, ...atDatabase, ...atSecrets, lambda.policy] },
    );

    this.lambda = lambda;
    this.registerOutputs({ functionName: lambda.name });
  }
}
