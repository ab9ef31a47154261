import type { Conversion } from './conversion.ts';

export const ofDatabases: Readonly<Record<string, Conversion>> = {
  'aws:rds/instance:Instance': {
    type: 'AWS::RDS::DBInstance',
    named: ['identifier', 'DBInstanceIdentifier'],
    renamed: {
      caCertIdentifier: 'CACertificateIdentifier',
      dbName: 'DBName',
      dbSubnetGroupName: 'DBSubnetGroupName',
      backupWindow: 'PreferredBackupWindow',
      maintenanceWindow: 'PreferredMaintenanceWindow',
      enabledCloudwatchLogsExports: 'EnableCloudwatchLogsExports',
      iamDatabaseAuthenticationEnabled: 'EnableIAMDatabaseAuthentication',
      identifier: 'DBInstanceIdentifier',
      instanceClass: 'DBInstanceClass',
      multiAz: 'MultiAZ',
      parameterGroupName: 'DBParameterGroupName',
      performanceInsightsEnabled: 'EnablePerformanceInsights',
      performanceInsightsKmsKeyId: 'PerformanceInsightsKMSKeyId',
      username: 'MasterUsername',
      vpcSecurityGroupIds: 'VPCSecurityGroups',
    },
    ofProvider: ['finalSnapshotIdentifier', 'skipFinalSnapshot'],
    shape: ({ MasterUserSecretKmsKeyId, AllocatedStorage, Port, ...rest }) => ({
      ...rest,
      // CloudFormation has these two as text.
      AllocatedStorage: String(AllocatedStorage),
      Port: String(Port),
      ...(MasterUserSecretKmsKeyId !== undefined && {
        MasterUserSecret: { KmsKeyId: MasterUserSecretKmsKeyId },
      }),
    }),
    api: [{ operation: 'rds.CreateDBInstance', renamed: { VPCSecurityGroups: 'VpcSecurityGroupIds' } }],
  },
  'aws:rds/parameterGroup:ParameterGroup': {
    type: 'AWS::RDS::DBParameterGroup',
    named: ['name', 'DBParameterGroupName'],
    shape: ({ Parameters, ...rest }) => ({
      ...rest,
      Parameters: Object.fromEntries(
        (Parameters as { Name: string; Value: string }[]).map(({ Name, Value }) => [Name, Value]),
      ),
    }),
    api: [{ operation: 'rds.CreateDBParameterGroup', renamed: { Family: 'DBParameterGroupFamily' } }],
  },
  'aws:rds/proxy:Proxy': {
    type: 'AWS::RDS::DBProxy',
    named: ['name', 'DBProxyName'],
    renamed: { requireTls: 'RequireTLS' },
    api: [{ operation: 'rds.CreateDBProxy' }],
  },
  'aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup': {
    type: 'AWS::RDS::DBProxyTargetGroup',
    named: ['name', 'TargetGroupName'],
    renamed: { dbProxyName: 'DBProxyName', connectionPoolConfig: 'ConnectionPoolConfigurationInfo' },
    api: [
      {
        operation: 'rds.ModifyDBProxyTargetGroup',
        renamed: { ConnectionPoolConfigurationInfo: 'ConnectionPoolConfig' },
      },
    ],
  },
  'aws:rds/proxyTarget:ProxyTarget': {
    of: ['aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup', 'dbProxyName', 'dbProxyName'],
    adds: ({ DbInstanceIdentifier, ...rest }) => ({ DBInstanceIdentifiers: [DbInstanceIdentifier], ...rest }),
  },
  'aws:rds/subnetGroup:SubnetGroup': {
    type: 'AWS::RDS::DBSubnetGroup',
    named: ['name', 'DBSubnetGroupName'],
    renamed: { description: 'DBSubnetGroupDescription' },
    api: [{ operation: 'rds.CreateDBSubnetGroup' }],
  },
};
