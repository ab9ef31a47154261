import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { policyDocument, type Statement, trust } from '../iam/documents.ts';
import { type DatabaseEndpoint, port } from './endpoint.ts';
import type { Network } from './network.ts';
import type { SecurityGroup } from './security-group.ts';

export interface DatabaseProxyArgs {
  readonly instance: aws.rds.Instance;
  readonly network: Network;
  readonly behind: DatabaseEndpoint;
  /** Lets the proxy connect to the database. */
  readonly mayConnect: Statement;
}

/**
 * Connects functions to whichever instance is the primary. It pins their sessions, so they share no
 * connections. IAM authenticates the function to the proxy and the proxy to the database (RDS guide,
 * rds-proxy-iam-setup, end-to-end IAM authentication), so no password is stored.
 */
export class DatabaseProxy extends pulumi.ComponentResource implements DatabaseEndpoint {
  readonly host: pulumi.Output<string>;
  readonly securityGroup: SecurityGroup;
  readonly resourceId: pulumi.Output<string>;
  readonly ready: readonly pulumi.Resource[];

  constructor(name: string, args: DatabaseProxyArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:DatabaseProxy', name, {}, options);
    this.securityGroup = args.network.securityGroup('proxy', 'The proxy of the MySQL instance.');
    const toInstance = this.securityGroup.connectsTo(args.behind.securityGroup, port);
    const { accountId } = aws.getCallerIdentityOutput({}, { parent: this });
    const role = new aws.iam.Role(
      name,
      {
        assumeRolePolicy: trust('rds.amazonaws.com', { 'aws:SourceAccount': accountId }, { ifTold: true }),
      },
      { parent: this },
    );
    const policy = new aws.iam.RolePolicy(
      name,
      { role: role.name, policy: policyDocument([args.mayConnect]) },
      { parent: this },
    );
    const proxy = new aws.rds.Proxy(
      name,
      {
        engineFamily: 'MYSQL',
        defaultAuthScheme: 'IAM_AUTH',
        requireTls: true,
        debugLogging: false,
        roleArn: role.arn,
        vpcSubnetIds: [...args.network.subnetIds],
        vpcSecurityGroupIds: [this.securityGroup.id],
      },
      { parent: this, dependsOn: [policy] },
    );
    const group = new aws.rds.ProxyDefaultTargetGroup(
      name,
      // The remaining connections are for the migration and for people. The borrow timeout leaves the
      // function time for a retry.
      {
        dbProxyName: proxy.name,
        connectionPoolConfig: { maxConnectionsPercent: 80, connectionBorrowTimeout: 30 },
      },
      { parent: this },
    );
    const target = new aws.rds.ProxyTarget(
      name,
      {
        dbProxyName: proxy.name,
        targetGroupName: group.name,
        dbInstanceIdentifier: args.instance.identifier,
      },
      { parent: this },
    );

    this.ready = [target, ...toInstance];
    this.host = proxy.endpoint;
    // `arn:aws:rds:eu-central-1:1234:db-proxy:prx-0abc`
    this.resourceId = proxy.arn.apply((arn) => arn.split(':').at(-1) ?? '');
    this.registerOutputs({ host: this.host });
  }
}
